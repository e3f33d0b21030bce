import type { AccountEvent, GenerationRefunded, LotAmount } from '../accounts/domain/accounts.events.js';
import { accountStream } from '../accounts/domain/accounts.events.js';
import type { EventStore } from '../event-store/event-store.js';
import { type Instant, instantFromText } from '../kernel/time.js';

/** A call that was charged, with the evidence that its cost came from and what was given back of it since. */
export interface ChargedCall {
  readonly generationId: string;
  readonly model: string;
  readonly settledAt: Instant;
  /** When it was reserved for; undefined where that is too long ago to be known beside a late settlement. */
  readonly reservedAt: Instant | undefined;
  readonly priceVersion: string;
  readonly formulaVersion: string;
  readonly pricedAt: string | undefined;
  readonly classes: Readonly<Record<string, number>>;
  /** Whether it reached a provider. */
  readonly reached: boolean;
  /** Pico-credits. */
  readonly exact: bigint;
  /** Nano-credits, as all that follows. */
  readonly rounded: bigint;
  readonly debits: readonly LotAmount[];
  readonly shortfall: bigint;
  /** In order. */
  readonly refunds: GenerationRefunded['data'][];
}

/** Which calls: those named, or those charged in a half-open range of time, for a model. */
export interface CallSelection {
  readonly generationIds?: readonly string[];
  readonly from?: Instant;
  readonly until?: Instant;
  readonly model?: string;
}

export interface CallsFound {
  /** In the order in which they were charged. */
  readonly calls: readonly ChargedCall[];
  /** Named, and made by the account, but nothing was charged. */
  readonly notCharged: readonly string[];
  /** Named, and never made by the account. */
  readonly notFound: readonly string[];
  readonly adjustments: readonly string[];
  /** Of the account's last event; -1 where there is none. */
  readonly position: bigint;
}

/** More calls than were to be found at most. */
export class TooManyCalls extends Error {}

/**
 * Reads an account from its first event, and keeps the calls that were selected: memory goes with their number.
 * @param max more of them are TooManyCalls. Throws EventStoreUnavailable.
 */
export async function findCalls(
  store: Pick<EventStore, 'read'>,
  accountId: string,
  selection: CallSelection,
  max: number,
): Promise<CallsFound> {
  const named = selection.generationIds && new Set(selection.generationIds);
  const calls = new Map<string, ChargedCall>();
  const made = new Set<string>();
  const adjustments: string[] = [];
  const reservedAt = new Map<string, Instant>();
  let position = -1n;
  for await (const stored of store.read(accountStream(accountId))) {
    const event = { type: stored.type, data: stored.data } as AccountEvent;
    position = stored.position;
    switch (event.type) {
      case 'CreditsReserved':
        reservedAt.set(event.data.reservationId, instantFromText(stored.metadata.occurredAt));
        if (named?.has(event.data.generationId)) made.add(event.data.generationId);
        break;
      case 'ReservationReleased':
        // A late settlement may need it, but only of those that were named.
        if (!named?.has(event.data.generationId)) reservedAt.delete(event.data.reservationId);
        break;
      case 'ReservationSettled':
      case 'LateSettlementRecorded': {
        const call = callOf(event.data, instantFromText(stored.metadata.occurredAt), reservedAt.get(event.data.reservationId));
        reservedAt.delete(event.data.reservationId);
        if (!isSelected(call, selection, named)) break;
        calls.set(call.generationId, call);
        if (calls.size > max) throw new TooManyCalls();
        break;
      }
      case 'GenerationRefunded':
        calls.get(event.data.generationId)?.refunds.push(event.data);
        break;
      case 'CreditsAdjusted':
        adjustments.push(event.data.adjustmentId);
    }
  }
  const missing = [...(named ?? [])].filter((id) => !calls.has(id));
  return {
    calls: [...calls.values()],
    notCharged: missing.filter((id) => made.has(id)),
    notFound: missing.filter((id) => !made.has(id)),
    adjustments,
    position,
  };
}

type Settlement = Extract<AccountEvent, { type: 'LateSettlementRecorded' }>['data'];

const callOf = (settled: Settlement, settledAt: Instant, reservedAt: Instant | undefined): ChargedCall => ({
  generationId: settled.generationId,
  model: settled.model,
  settledAt,
  reservedAt,
  priceVersion: settled.priceVersion,
  formulaVersion: settled.formulaVersion,
  pricedAt: settled.pricedAt,
  classes: settled.usage.classes,
  reached: settled.attempts.length > 0,
  exact: BigInt(settled.cost.exact),
  rounded: BigInt(settled.cost.rounded),
  debits: settled.debits,
  shortfall: BigInt(settled.shortfall),
  refunds: [],
});

function isSelected(
  { generationId, settledAt, model }: ChargedCall,
  selection: CallSelection,
  named: ReadonlySet<string> | undefined,
): boolean {
  if (named) return named.has(generationId);
  const { from, until, model: wanted } = selection;
  return (
    (from === undefined || settledAt >= from) &&
    (until === undefined || settledAt < until) &&
    (wanted === undefined || model === wanted)
  );
}
