import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';

/** Every event that an account can have: a random history that never reaches one of them has shown nothing about it. */
export const EVENT_TYPES: readonly AccountEvent['type'][] = [
  'AccountOpened',
  'TierChanged',
  'ApiKeyIssued',
  'ApiKeyChanged',
  'ApiKeyRevoked',
  'CreditsGranted',
  'CreditsReserved',
  'ReservationExtended',
  'ReservationSettled',
  'ReservationReleased',
  'LateSettlementRecorded',
  'CreditsExpired',
  'ShortfallRepaid',
  'GenerationRefunded',
  'TopUpRefunded',
  'LotsFrozen',
  'LotsUnfrozen',
  'CreditsClawedBack',
  'CreditsAdjusted',
];
