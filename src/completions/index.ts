/** What other features may use of completions. */
export type { AnswerDialect, StreamFrames, UsageBlock } from './answers/answer-dialect.js';
export type { AskedChat } from './asked-chat.js';
export { ChatGateway } from './chat-gateway.js';
export { type ChatRequest, chatRequest } from './chat-request.js';
export { CompletionsModule } from './completions.module.js';
export { type PendingEnd, SettlementRetries } from './ends/settlement-retries.js';
export type { Generation } from './generation.js';
