import type { Json } from '../rules/account-audit-rules.js';
import { credits } from './output.js';

const amount = (text: unknown): string => credits(BigInt(String(text)));
const parts = (list: Json): string =>
  (list as Json[]).map(({ lotId, amount: part }) => `${amount(part)} of ${lotId}`).join(', ') || 'nothing';
const owed = (shortfall: unknown): string => (shortfall === '0' ? '' : `, ${amount(shortfall)} nobody could pay`);

const TEXTS: Readonly<Record<string, (data: Json) => string>> = {
  AccountOpened: ({ tier }) => `opened, tier ${tier}`,
  TierChanged: ({ from, to }) => `tier ${from} → ${to}`,
  ApiKeyIssued: ({ keyId, limit }) => `key ${keyId}${limit === undefined ? '' : `, limit ${amount(limit)}`}`,
  ApiKeyChanged: ({ keyId, limit }) => `key ${keyId}${limit === undefined ? ', no limit' : `, limit ${amount(limit)}`}`,
  ApiKeyRevoked: ({ keyId }) => `key ${keyId}`,
  CreditsGranted: ({ lotId, kind, amount: granted, expiresAt }) =>
    `+${amount(granted)} ${kind} as ${lotId}, expires ${expiresAt ?? 'never'}`,
  CreditsReserved: ({ reservationId, holds }) => `${reservationId} holds ${parts(holds)}`,
  ReservationExtended: ({ reservationId, holds, settleBy }) => `${reservationId} until ${settleBy}, holds more: ${parts(holds)}`,
  ReservationSettled: ({ generationId, cost, debits, shortfall }) =>
    `${generationId} cost ${amount(cost.rounded)}: ${parts(debits)}${owed(shortfall)}`,
  ReservationReleased: ({ generationId, releases, reason }) => `${generationId}, ${reason}: back ${parts(releases)}`,
  LateSettlementRecorded: ({ generationId, cost, debits, shortfall }) =>
    `${generationId} cost ${amount(cost.rounded)}, late: ${parts(debits)}${owed(shortfall)}`,
  CreditsExpired: ({ lotId, amount: expired }) => `−${amount(expired)} of ${lotId}`,
  ShortfallRepaid: ({ lotId, amount: repaid }) => `−${amount(repaid)} of ${lotId} for what was owed`,
  GenerationRefunded: ({ generationId, credits: back, waived, regranted }) =>
    `${generationId}: back ${parts(back)}, waived ${amount(waived)}, granted anew ${amount(regranted)}`,
  TopUpRefunded: ({ paymentId, lotId, amount: removed }) => `${paymentId}: −${amount(removed)} of ${lotId}, paid back`,
  LotsFrozen: ({ disputeId, lots, claimed }) => `${disputeId} claims ${amount(claimed)}: froze ${parts(lots)}`,
  LotsUnfrozen: ({ disputeId, lots }) => `${disputeId} won: unfroze ${parts(lots)}`,
  CreditsClawedBack: ({ disputeId, lots, receivable }) => `${disputeId} lost: −${parts(lots)}, ${amount(receivable)} owed`,
  CreditsAdjusted: ({ lines, requestedBy, approvedBy, reason }) =>
    `${parts(lines)}; asked for by ${requestedBy}, approved by ${approvedBy}: ${reason}`,
};

/** What an event changed, in one line. */
export function eventText(type: string, data: Json): string {
  try {
    return TEXTS[type]?.(data) ?? JSON.stringify(data);
  } catch {
    return JSON.stringify(data);
  }
}
