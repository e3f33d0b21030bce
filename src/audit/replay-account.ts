import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore } from '../event-store/event-store.js';
import type { RawEvent } from '../event-store/raw-event.js';
import { recomputedSettlement, type SettlementOpinion } from './replay-settlement.js';
import { AccountAudit, type AccountFigures } from './rules/account-audit.js';
import { type AuditMemory, boundedMemory, exactMemory, FingerprintSet, Unsure } from './rules/account-audit-memory.js';
import type { AuditedFact, Problem } from './rules/account-audit-rules.js';
import { accountStreamOf, PriceStreams } from './verify-account.js';
import { NO_EVENT, verifyLink } from './verify-chain.js';

/** One event of an account, and where it has left the account by the auditor's own reckoning. */
export interface ReplayedStep {
  readonly event: RawEvent;
  /** Undefined where the event is no JSON. */
  readonly fact: AuditedFact | undefined;
  readonly figures: AccountFigures;
  /** What it changed, lot by lot; nano-credits. */
  readonly lots: readonly LotChange[];
  /** For a charge: the cost computed again from its evidence. */
  readonly settlement: SettlementOpinion | undefined;
  /** What was found with this event; may be about one before it, where a consequence that was due has not come. */
  readonly problems: readonly Problem[];
}

export interface LotChange {
  readonly lotId: string;
  readonly remaining: bigint;
  readonly held: bigint;
  readonly frozen: bigint;
  /** How they are after the event. */
  readonly after: LotFigures;
}

export interface LotFigures {
  readonly remaining: bigint;
  readonly held: bigint;
  readonly frozen: bigint;
}

export interface ReplayOptions {
  /** Reading ends before the first event for which this does not hold. */
  readonly isWanted?: (event: RawEvent, fact: AuditedFact | undefined) => boolean;
  /** Stops reading. */
  readonly signal?: AbortSignal;
}

/** A long account must not keep everybody else in this process waiting. */
const EVENTS_PER_TURN = 64;

/**
 * An account step by step, from its first event, by the auditor's rules. Memory is bounded whatever the length of the account: the
 * auditor remembers fingerprints, and where those cannot tell, the account is read once more with an exact memory and taken up
 * where it was. Reads on as the consumer takes the steps. Throws EventStoreUnavailable.
 * @returns what is wrong with the account as a whole, known only at its end
 */
export async function* replayAccount(
  store: EventStore,
  accountId: string,
  options: ReplayOptions = {},
): AsyncGenerator<ReplayedStep, readonly Problem[]> {
  const stream = accountStreamOf(accountId);
  let seen = 0;
  try {
    return yield* counted(replay(store, stream, boundedMemory(stream, new FingerprintSet()), options), () => seen++);
  } catch (error) {
    if (!(error instanceof Unsure)) throw error;
  }
  return yield* behind(replay(store, stream, exactMemory(), options), seen);
}

type Replay = AsyncGenerator<ReplayedStep, readonly Problem[]>;

/** Leaving one of these leaves the reading under it. */
async function* counted(reading: Replay, count: () => void): Replay {
  try {
    for (let next = await reading.next(); ; next = await reading.next()) {
      if (next.done) return next.value;
      count();
      yield next.value;
    }
  } finally {
    await reading.return([]);
  }
}

async function* behind(reading: Replay, known: number): Replay {
  let seen = 0;
  try {
    for (let next = await reading.next(); ; next = await reading.next()) {
      if (next.done) return next.value;
      if (++seen > known) yield next.value;
    }
  } finally {
    await reading.return([]);
  }
}

async function* replay(
  store: EventStore,
  stream: string,
  memory: AuditMemory,
  { isWanted, signal }: ReplayOptions,
): AsyncGenerator<ReplayedStep, readonly Problem[]> {
  const prices = new PriceStreams(store);
  const audit = new AccountAudit(stream, prices.versions, memory);
  const before = new Map<string, LotFigures>();
  let head = NO_EVENT;
  let events = 0;
  let isWhole = true;
  for await (const event of store.readRaw(stream)) {
    if (signal?.aborted) return [];
    const link = verifyLink(head, event);
    if (isWanted && !isWanted(event, link.fact)) {
      isWhole = false;
      break;
    }
    head = link.head;
    const problems = [...link.problems];
    let settlement: SettlementOpinion | undefined;
    if (link.fact) {
      await prices.need(link.fact.data.priceVersion);
      audit.take(link.fact);
      settlement = recomputedSettlement(link.fact, prices.versions);
    }
    // Taken out as they come: where every event is wrong, they would not fit into memory either.
    problems.push(...prices.problems.splice(0), ...audit.check.problems.splice(0));
    yield { event, fact: link.fact, figures: audit.figures(), lots: changes(before, audit), settlement, problems };
    if (++events % EVENTS_PER_TURN === 0) await nextTurn();
  }
  // In the middle of a command something may be due that comes with the next event.
  return isWhole ? [...audit.end()] : [];
}

/** What changed since the last step; keeps how the lots are now. */
function changes(before: Map<string, LotFigures>, { account }: AccountAudit): LotChange[] {
  const changed: LotChange[] = [];
  for (const { lotId, remaining, held, frozen } of account.lots.values()) {
    const was = before.get(lotId) ?? { remaining: 0n, held: 0n, frozen: 0n };
    if (was.remaining === remaining && was.held === held && was.frozen === frozen) continue;
    const after = { remaining, held, frozen };
    changed.push({
      lotId,
      remaining: remaining - was.remaining,
      held: held - was.held,
      frozen: frozen - was.frozen,
      after,
    });
    before.set(lotId, after);
  }
  return changed;
}
