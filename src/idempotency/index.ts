/** What other features may use of named requests. */

export { IdempotencyModule, openIdempotentRequests } from './idempotency.module.js';
export { keyInUse } from './idempotency.problems.js';
export { idempotencyKeyOf } from './idempotency-key.js';
export { ANSWER_MAX_BYTES, type Claim, type FormerEnd, IdempotentRequests } from './idempotent-requests.js';
export { IdempotentWrites } from './idempotent-writes.interceptor.js';
export { bytesOfNamedRequest, contentOf, JSON_TYPE, prepareReplay, principalScope, STREAM_TYPE } from './named-requests.js';
export type { KeptAnswer } from './request-secrets.js';
