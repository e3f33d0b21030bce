/** What other features may use of completions. */
export type { AnswerDialect, StreamFrames, UsageBlock } from './answer-dialect.js';
export type { AskedChat } from './asked-chat.js';
export { ChatGateway } from './chat-gateway.js';
export { type ChatRequest, chatRequest } from './chat-request.js';
export { CompletionsModule } from './completions.module.js';
export type { Generation } from './generation.js';
export { type PendingEnd, SettlementRetries } from './settlement-retries.js';
