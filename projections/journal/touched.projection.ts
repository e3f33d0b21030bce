import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { unknownEvent } from '../runtime/account-facts.projection.js';

/** The lots whose class the postings of an event depend on. Throws where the event is unknown. */
export function lotsOf(event: AccountEvent): readonly string[] {
  switch (event.type) {
    case 'AccountOpened':
    case 'TierChanged':
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
      return [];
    case 'CreditsGranted':
    case 'CreditsExpired':
    case 'ShortfallRepaid':
    case 'TopUpRefunded':
      return [event.data.lotId];
    case 'CreditsReserved':
    case 'ReservationExtended':
      return event.data.holds.map(lotOf);
    case 'ReservationSettled':
    case 'LateSettlementRecorded':
      return event.data.debits.map(lotOf);
    case 'ReservationReleased':
      return event.data.releases.map(lotOf);
    case 'GenerationRefunded':
      return event.data.credits.map(lotOf);
    case 'LotsFrozen':
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
      return event.data.lots.map(lotOf);
    case 'CreditsAdjusted':
      return event.data.lines.map(lotOf);
  }
  return unknownEvent(event);
}

/** The reservation that an event makes, extends or ends. */
export function reservationOf(event: AccountEvent): string | undefined {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationExtended':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
      return event.data.reservationId;
    default:
      return undefined;
  }
}

/** What somebody who reads the entry looks up: the generation, grant, refund, dispute or lot; empty where there is none. */
export function referenceOf(event: AccountEvent): string {
  switch (event.type) {
    case 'AccountOpened':
    case 'TierChanged':
      return '';
    case 'ApiKeyIssued':
    case 'ApiKeyChanged':
    case 'ApiKeyRevoked':
      return event.data.keyId;
    case 'CreditsGranted':
      return event.data.grantId;
    case 'CreditsReserved':
    case 'ReservationExtended':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
      return event.data.generationId;
    case 'CreditsExpired':
    case 'ShortfallRepaid':
      return event.data.lotId;
    case 'GenerationRefunded':
    case 'TopUpRefunded':
      return event.data.refundId;
    case 'LotsFrozen':
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
      return event.data.disputeId;
    case 'CreditsAdjusted':
      return event.data.adjustmentId;
  }
}

const lotOf = ({ lotId }: { readonly lotId: string }): string => lotId;
