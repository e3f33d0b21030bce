import type { Decider, Decision } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, evolve, initialAccount, isOpen } from './account.js';
import type { AccountEvent } from './accounts.events.js';
import {
  type IssueApiKey,
  type IssueApiKeyRejection,
  issueApiKey,
  type RevokeApiKey,
  type RevokeApiKeyRejection,
  revokeApiKey,
} from './api-keys.js';
import { type ExpireCredits, expireCredits } from './expire-credits.js';
import { type GrantCredits, type GrantCreditsRejection, grantCredits } from './grant-credits.js';
import { type OpenAccount, type OpenAccountRejection, openAccount } from './open-account.js';
import { type ReleaseReservation, releaseReservation } from './release-reservation.js';
import { type ReserveCredits, type ReserveCreditsRejection, reserveCredits } from './reserve-credits.js';
import { type ReservationNotOpen, type SettleReservation, settleReservation } from './settle-reservation.js';

export type AccountCommand =
  | OpenAccount
  | IssueApiKey
  | RevokeApiKey
  | GrantCredits
  | ReserveCredits
  | SettleReservation
  | ReleaseReservation
  | ExpireCredits;

export type AccountRejection =
  | { readonly reason: 'account_not_found' }
  | OpenAccountRejection
  | IssueApiKeyRejection
  | RevokeApiKeyRejection
  | GrantCreditsRejection
  | ReserveCreditsRejection
  | ReservationNotOpen;

/** All that can be asked of an account. */
function decide(command: AccountCommand, account: Account, at: Instant): Decision<AccountEvent, AccountRejection> {
  if (!isOpen(account) && command.type !== 'OpenAccount') return { rejection: { reason: 'account_not_found' } };
  switch (command.type) {
    case 'OpenAccount':
      return openAccount(command, account);
    case 'IssueApiKey':
      return issueApiKey(command, account, at);
    case 'RevokeApiKey':
      return revokeApiKey(command, account);
    case 'GrantCredits':
      return grantCredits(command, account, at);
    case 'ReserveCredits':
      return reserveCredits(command, account, at);
    case 'SettleReservation':
      return settleReservation(command, account, at);
    case 'ReleaseReservation':
      return releaseReservation(command, account, at);
    case 'ExpireCredits':
      return expireCredits(command, account, at);
  }
}

export const accountDecider: Decider<AccountCommand, Account, AccountEvent, AccountRejection> = {
  initialState: initialAccount,
  decide,
  evolve,
};
