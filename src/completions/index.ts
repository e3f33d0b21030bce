/** What other features may use of completions. */
export { CompletionsModule } from './completions.module.js';
export { type PendingEnd, SettlementRetries } from './settlement-retries.js';
