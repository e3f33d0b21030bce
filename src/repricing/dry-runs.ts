import { type AccountWriter, isOpen } from '../accounts/index.js';
import { DecidedStreams } from '../event-store/decided-streams.js';
import type { EventStore } from '../event-store/event-store.js';
import { isAccountId } from '../kernel/ids.js';
import type { PriceBook } from '../pricing/index.js';
import { type CallSelection, TooManyCalls } from './charged-calls.js';
import { type RepricingTurnTaken, repricingStream, turnStream } from './domain/repricing.events.js';
import { repricingDecider } from './domain/repricing.js';
import { chargeId, type DryRun, dryRun, type EarlierCharges, unchargeId } from './dry-run.js';
import { ratingOf } from './rate-call.js';
import { accountNotFound, priceVersionNotFound, tooManyCalls } from './repricing.problems.js';
import { selectCalls } from './select-calls.js';

/** Calls of one repricing. */
const CALLS_MAX = 5_000;

/** The repricings of an account that may have been approved, in their order. */
const TURNS = {
  initialState: (): ReadonlySet<string> => new Set(),
  evolve: (ids: ReadonlySet<string>, { data }: RepricingTurnTaken): ReadonlySet<string> => new Set(ids).add(data.repricingId),
};

export interface DryRunOfNow {
  readonly run: DryRun;
  /** Of the account's last event that it has seen. */
  readonly position: bigint;
}

/** What selected calls come to by a published version, as the ledger stands now. */
export class DryRuns {
  private readonly streams: DecidedStreams;

  constructor(
    private readonly store: EventStore,
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
  ) {
    this.streams = new DecidedStreams(store, { now: () => 0 });
  }

  /** Throws ApiError where something that was asked for is not there, or is too much. */
  async run(accountId: string, selection: CallSelection, priceVersion: string): Promise<DryRunOfNow> {
    try {
      return await this.compute(accountId, selection, priceVersion);
    } catch (error) {
      throw error instanceof TooManyCalls ? tooManyCalls(CALLS_MAX) : error;
    }
  }

  /** The hash of the same once more; where more is selected now than a repricing may have, that of nothing. */
  async hashNow(accountId: string, selection: CallSelection, priceVersion: string): Promise<string> {
    try {
      return (await this.compute(accountId, selection, priceVersion)).run.differencesHash;
    } catch (error) {
      if (error instanceof TooManyCalls) return '';
      throw error;
    }
  }

  private async compute(accountId: string, selection: CallSelection, priceVersion: string): Promise<DryRunOfNow> {
    const rating = ratingOf(this.prices, priceVersion);
    if (!rating) throw priceVersionNotFound();
    if (!isAccountId(accountId)) throw accountNotFound();
    const { account } = await this.accounts.refresh(accountId);
    if (!isOpen(account)) throw accountNotFound();
    const owed = account.receivable;
    const found = await selectCalls(this.store, accountId, selection, CALLS_MAX);
    const earlier = await this.earlierCharges(accountId, found.adjustments);
    return { run: dryRun(found.calls, rating, earlier, owed), position: found.position };
  }

  /** Of those approved, by the adjustments that the account has: an effect that is not there has not cost anything yet. */
  private async earlierCharges(accountId: string, adjustments: readonly string[]): Promise<EarlierCharges> {
    const charges = new Map<string, bigint>();
    const made = new Set(adjustments);
    const { state: repricingIds } = await this.streams.read(TURNS, turnStream(accountId));
    for (const repricingId of repricingIds) {
      const { state } = await this.streams.read(repricingDecider, repricingStream(repricingId));
      if (state.status !== 'approved' && state.status !== 'carried_out') continue;
      // What would have gone back to expired lots alone left no adjustment, and is taken back all the same.
      const isUncharged = made.has(unchargeId(repricingId)) || state.status === 'carried_out';
      const isMade = { charge: made.has(chargeId(repricingId)), uncharge: isUncharged };
      for (const { generationId, effect, uncharged = '0' } of state.calls) {
        const charged = isMade.charge && !effect.startsWith('-') ? BigInt(effect) : 0n;
        const back = isMade.uncharge ? BigInt(uncharged) : 0n;
        if (charged !== back) charges.set(generationId, (charges.get(generationId) ?? 0n) + charged - back);
      }
    }
    return charges;
  }
}
