import { type AccountEvent, accountStream, type LotAmount } from '../accounts/domain/accounts.events.js';
import type { EventStore } from '../event-store/event-store.js';

/** Who paid for a generation, and what of it was given back since; nano-credits. */
export interface ChargedGeneration {
  readonly generationId: string;
  readonly cost: bigint;
  /** In the order of debit. */
  readonly debits: readonly LotAmount[];
  readonly shortfall: bigint;
  readonly refunded: bigint;
}

export interface GenerationsFound {
  readonly charged: ReadonlyMap<string, ChargedGeneration>;
  /** Every one of the named that the account has made, charged or not. */
  readonly made: ReadonlySet<string>;
}

/** Reads an account from its first event, once for all of the generations that are named. Throws EventStoreUnavailable. */
export async function findGenerations(
  store: Pick<EventStore, 'read'>,
  accountId: string,
  generationIds: readonly string[],
): Promise<GenerationsFound> {
  const named = new Set(generationIds);
  const made = new Set<string>();
  const charged = new Map<string, ChargedGeneration>();
  for await (const stored of store.read(accountStream(accountId))) {
    const event = { type: stored.type, data: stored.data } as AccountEvent;
    switch (event.type) {
      case 'CreditsReserved':
        if (named.has(event.data.generationId)) made.add(event.data.generationId);
        break;
      case 'ReservationSettled':
      case 'LateSettlementRecorded': {
        const { generationId, cost, debits, shortfall } = event.data;
        if (!named.has(generationId)) break;
        charged.set(generationId, {
          generationId,
          cost: BigInt(cost.rounded),
          debits,
          shortfall: BigInt(shortfall),
          refunded: 0n,
        });
        break;
      }
      case 'GenerationRefunded': {
        const known = charged.get(event.data.generationId);
        if (known) charged.set(known.generationId, { ...known, refunded: known.refunded + BigInt(event.data.amount) });
      }
    }
  }
  return { charged, made };
}
