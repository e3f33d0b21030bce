import { ApiError } from '../http/api-error.js';

const IN_USE_RETRY_AFTER_SECONDS = 2;
const AWAY_RETRY_AFTER_SECONDS = 5;

export const keyInUse = (): ApiError =>
  new ApiError(409, 'idempotency_key_in_use', 'A request with this Idempotency-Key is still running; ask again for its answer', {
    retryAfterSeconds: IN_USE_RETRY_AFTER_SECONDS,
    metadata: { error_type: 'unmapped', reason: 'idempotency_key_in_use' },
  });

export const keyReused = (): ApiError =>
  new ApiError(422, 'idempotency_key_reused', 'This Idempotency-Key was used for another request: another path or another body', {
    param: 'Idempotency-Key',
    metadata: { error_type: 'unprocessable', reason: 'idempotency_key_reused' },
  });

/** The request had its effect, but its answer cannot be given again. Doing it anew needs a new key. */
export const answerNotKept = (generationId: string | undefined): ApiError =>
  new ApiError(
    409,
    'idempotency_answer_not_kept',
    generationId === undefined
      ? 'The request with this Idempotency-Key has had its effect, but its answer was not kept. Use a new key to ask anew'
      : `The request with this Idempotency-Key was served and charged as ${generationId}, but its answer was not kept. Use a new key to ask, and pay, anew`,
    {
      metadata: {
        error_type: 'unmapped',
        reason: 'idempotency_answer_not_kept',
        ...(generationId === undefined ? {} : { generation_id: generationId }),
      },
    },
  );

export const keysUnavailable = (): ApiError =>
  new ApiError(
    503,
    'idempotency_unavailable',
    'What happened to requests with an Idempotency-Key cannot be looked up now. Nothing was done, and nothing is charged. Try again shortly.',
    { retryAfterSeconds: AWAY_RETRY_AFTER_SECONDS, metadata: { error_type: 'server', reason: 'idempotency_unavailable' } },
  );
