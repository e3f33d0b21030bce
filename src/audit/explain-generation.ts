import type { EventStore } from '../event-store/event-store.js';
import { decodeRawEvent } from '../event-store/read-wire.js';
import { recomputeCost } from './rules/account-audit-prices.js';
import type { AuditedFact, Json, Problem } from './rules/account-audit-rules.js';
import type { AuditedLot } from './rules/account-audit-state.js';
import { accountStreamOf, verifyAccount } from './verify-account.js';

/** All that is known about a call, and whether its cost can be computed again. */
export interface Explanation {
  readonly accountId: string;
  readonly generationId: string;
  /** The account's events that name the generation, in order. */
  readonly events: readonly AuditedFact[];
  readonly reservation: Json | undefined;
  /** The ReservationSettled or LateSettlementRecorded; undefined where nothing was charged. */
  readonly settlement: Json | undefined;
  readonly refunds: readonly Json[];
  /** The lots that were held or debited, as granted. */
  readonly lots: readonly AuditedLot[];
  readonly recomputed: { readonly agrees: boolean; readonly exact: string; readonly rounded: string } | undefined;
  /** What is wrong with the account: an explanation rests on its chain. */
  readonly problems: readonly Problem[];
}

/** Resolves with undefined where no event of the account names the generation. */
export async function explainGeneration(
  store: EventStore,
  accountId: string,
  generationId: string,
): Promise<Explanation | undefined> {
  const events: AuditedFact[] = [];
  const reservations = new Set<string>();
  let recomputed: Explanation['recomputed'];
  const { audit, problems } = await verifyAccount(store, accountId, {
    after: (_event, fact, { account }) => {
      if (!fact) return;
      const { type, data } = fact;
      if (data.generationId !== generationId && !reservations.has(data.reservationId)) return;
      if (type === 'CreditsReserved') reservations.add(data.reservationId);
      events.push(fact);
      const version = account.prices.get(data.priceVersion);
      if (data.cost && version) recomputed = recompute(data, version);
    },
  });
  if (events.length === 0) return undefined;
  const of = (...types: string[]) => events.filter(({ type }) => types.includes(type)).map(({ data }) => data);
  const [reservation] = of('CreditsReserved');
  const [settlement] = of('ReservationSettled', 'LateSettlementRecorded');
  const named = [...(reservation?.holds ?? []), ...(settlement?.debits ?? [])].map(({ lotId }: Json) => String(lotId));
  const lots = [...new Set(named)].flatMap((lotId) => audit.account.lots.get(lotId) ?? []);
  return {
    accountId,
    generationId,
    events,
    reservation,
    settlement,
    refunds: of('GenerationRefunded'),
    lots,
    recomputed,
    problems,
  };
}

function recompute({ usage, cost, pricedAt }: Json, version: Parameters<typeof recomputeCost>[1]): Explanation['recomputed'] {
  const { exact, rounded } = recomputeCost(usage.classes, version, pricedAt);
  const agrees = cost.exact === exact.toString() && cost.rounded === rounded.toString();
  return { agrees, exact: exact.toString(), rounded: rounded.toString() };
}

/** The account of a generation, found by searching everything; undefined where nobody has it. */
export async function findAccountOf(
  store: EventStore,
  generationId: string,
  read: (events: number) => void,
): Promise<string | undefined> {
  const prefix = accountStreamOf('');
  const named = Buffer.from(`"generationId":${JSON.stringify(generationId)}`);
  for await (const batch of store.readAllMessages({ streamPrefixes: [prefix], after: undefined })) {
    read(batch.length);
    const found = batch.find((message) => message.includes(named));
    if (found) return decodeRawEvent(found).stream.slice(prefix.length);
  }
  return undefined;
}
