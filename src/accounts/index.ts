/** What other features may use of the ledger. */
export { AccountWriter, type Answer } from './account-writer.js';
export { AccountsModule } from './accounts.module.js';
export { problemOf } from './accounts.problems.js';
export {
  credits as creditsSchema,
  creditsOf,
  instant as instantSchema,
  opaqueId,
  opaqueIdIn,
  plainText,
  reason as reasonSchema,
} from './administration-bodies.js';
export { keyIdOfHash, newAccountId, newApiKey, SECRET_BYTES } from './api-key-secrets.js';
export { commandOnce } from './command-once.js';
export type { AccountCommand, AccountRejection } from './domain/account.decider.js';
export { type Account, type ApiKey, closedReservation, isOpen, spentInWindow } from './domain/account.js';
export type { Quote as ReservationQuote } from './domain/accounts.events.js';
export { isUsable } from './domain/api-keys.js';
export { availableTo } from './domain/coverage.js';
export { disputable } from './domain/disputes.js';
export type { ReleaseReservation } from './domain/release-reservation.js';
export type { SettleReservation } from './domain/settle-reservation.js';
export { findPayers } from './find-payers.js';
export { findQuote } from './find-quote.js';
export { findReservationEnd, type ReservationEnd } from './find-reservation-end.js';
export { WelcomeCredits } from './welcome-credits.js';
