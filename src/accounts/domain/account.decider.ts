import type { Decider, Decision } from '../../kernel/decider.js';
import type { Instant } from '../../kernel/time.js';
import { type Account, initialAccount, isOpen } from './account.js';
import type { AccountEvent } from './accounts.events.js';
import { type AdjustCredits, type AdjustCreditsRejection, adjustCredits } from './adjust-credits.js';
import {
  type ChangeApiKey,
  type ChangeApiKeyRejection,
  changeApiKey,
  type IssueApiKey,
  type IssueApiKeyRejection,
  issueApiKey,
  type RevokeApiKey,
  type RevokeApiKeyRejection,
  revokeApiKey,
} from './api-keys.js';
import { type ChangeTier, changeTier } from './change-tier.js';
import type { NotCovered } from './coverage.js';
import {
  type ClawBackCredits,
  clawBackCredits,
  type EndDisputeRejection,
  type FreezeLots,
  type FreezeLotsRejection,
  freezeLots,
  type UnfreezeLots,
  unfreezeLots,
} from './disputes.js';
import { evolve } from './evolve-account.js';
import { type ExpireCredits, expireCredits } from './expire-credits.js';
import { type ExtendReservation, extendReservation } from './extend-reservation.js';
import { type GrantCredits, type GrantCreditsRejection, grantCredits } from './grant-credits.js';
import { type OpenAccount, type OpenAccountRejection, openAccount } from './open-account.js';
import { type RefundGeneration, type RefundGenerationRejection, refundGeneration } from './refund-generation.js';
import { type RefundTopUp, type RefundTopUpRejection, refundTopUp } from './refund-top-up.js';
import { type ReleaseReservation, releaseReservation } from './release-reservation.js';
import { type ReserveCredits, type ReserveCreditsRejection, reserveCredits } from './reserve-credits.js';
import {
  type ReservationNotOpen,
  type ReservationNotOverdue,
  type SettleReservation,
  settleReservation,
} from './settle-reservation.js';

export type AccountCommand =
  | OpenAccount
  | ChangeTier
  | IssueApiKey
  | ChangeApiKey
  | RevokeApiKey
  | GrantCredits
  | ReserveCredits
  | ExtendReservation
  | SettleReservation
  | ReleaseReservation
  | ExpireCredits
  | RefundGeneration
  | RefundTopUp
  | FreezeLots
  | UnfreezeLots
  | ClawBackCredits
  | AdjustCredits;

export type AccountRejection =
  | { readonly reason: 'account_not_found' }
  | OpenAccountRejection
  | IssueApiKeyRejection
  | ChangeApiKeyRejection
  | RevokeApiKeyRejection
  | GrantCreditsRejection
  | ReserveCreditsRejection
  | NotCovered
  | ReservationNotOpen
  | ReservationNotOverdue
  | RefundGenerationRejection
  | RefundTopUpRejection
  | FreezeLotsRejection
  | EndDisputeRejection
  | AdjustCreditsRejection;

/** All that can be asked of an account. */
function decide(command: AccountCommand, account: Account, at: Instant): Decision<AccountEvent, AccountRejection> {
  if (!isOpen(account) && command.type !== 'OpenAccount') return { rejection: { reason: 'account_not_found' } };
  switch (command.type) {
    case 'OpenAccount':
      return openAccount(command, account, at);
    case 'ChangeTier':
      return changeTier(command, account);
    case 'IssueApiKey':
      return issueApiKey(command, account, at);
    case 'ChangeApiKey':
      return changeApiKey(command, account, at);
    case 'RevokeApiKey':
      return revokeApiKey(command, account);
    case 'GrantCredits':
      return grantCredits(command, account, at);
    case 'ReserveCredits':
      return reserveCredits(command, account, at);
    case 'ExtendReservation':
      return extendReservation(command, account, at);
    case 'SettleReservation':
      return settleReservation(command, account, at);
    case 'ReleaseReservation':
      return releaseReservation(command, account, at);
    case 'ExpireCredits':
      return expireCredits(command, account, at);
    case 'RefundGeneration':
      return refundGeneration(command, account, at);
    case 'RefundTopUp':
      return refundTopUp(command, account, at);
    case 'FreezeLots':
      return freezeLots(command, account, at);
    case 'UnfreezeLots':
      return unfreezeLots(command, account, at);
    case 'ClawBackCredits':
      return clawBackCredits(command, account);
    case 'AdjustCredits':
      return adjustCredits(command, account, at);
  }
}

export const accountDecider: Decider<AccountCommand, Account, AccountEvent, AccountRejection> = {
  initialState: initialAccount,
  decide,
  evolve,
};
