import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Cause, EventToAppend } from '../event-store/envelope.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, WriteQueueFull, WrongExpectedRevision } from '../event-store/errors.js';
import type { Appended, EventStore } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import type { Clock, Instant } from '../kernel/time.js';
import { memoryOf } from './account-memory.js';
import { AccountReader } from './account-reader.js';
import { AccountSnapshots, type ReportProblem } from './account-snapshots.js';
import { AccountTurns } from './account-turns.js';
import { type AccountCommand, type AccountRejection, accountDecider } from './domain/account.decider.js';
import { type Account, copyAccount } from './domain/account.js';
import { type AccountEvent, accountStream } from './domain/accounts.events.js';
import { KnownAccount, type Place } from './known-account.js';
import { SealedBatch } from './sealed-batch.js';

/** The answer to a command, given when it is durable. */
export interface Answer {
  /** Why nothing happened, where the business said no. */
  readonly rejection?: AccountRejection;
  /** What happened; empty where the command had its effect before. */
  readonly events: readonly AccountEvent[];
  /** Position in `$all` of the account's last event known here. */
  readonly position: bigint;
  /** The account as its stream says. Read it at once: folding goes on in place. */
  readonly account: Account;
}

/** An account as far as it is durable, with its place in the chain. */
export interface LoadedAccount {
  readonly account: Account;
  readonly position: bigint;
}

interface Pending {
  /** Undefined: nothing to decide, the answer must only rest on what the store holds now. */
  readonly command: AccountCommand | undefined;
  readonly cause: Cause | undefined;
  readonly answer: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/** One account in this process: what is known of it, and who waits for it. */
interface Entry {
  readonly known: KnownAccount;
  readonly turns: AccountTurns;
  /** Bytes, as the cache counts it. */
  weight: number;
  readonly queue: Pending[];
  draining: boolean;
}

interface Decided {
  readonly pending: Pending;
  readonly rejection?: AccountRejection;
  readonly events: readonly AccountEvent[];
}

/** A batch as decided against the known account, which it leaves as it is. */
interface Decision {
  readonly decided: readonly Decided[];
  readonly sealed: readonly EventToAppend[];
  /** The account once the events are durable. */
  readonly after: () => Account;
}

export interface AccountWriterLimits {
  /** Commands decided together in one append: keeps an append below the store's size limit. */
  readonly batchMax: number;
  /** Commands waiting per account before new ones are turned away. */
  readonly queueMax: number;
  /** How long a store that does not answer is tried before the commands of a batch fail. */
  readonly retryForMs: number;
  /** Bound of the accounts in memory, estimated. */
  readonly cacheBytesMax: number;
}

export const DEFAULT_LIMITS: AccountWriterLimits = {
  batchMax: 200,
  queueMax: 10_000,
  retryForMs: 10_000,
  cacheBytesMax: 100_000_000,
};

/**
 * The whole command path of the ledger. Commands for one account queue up; while an append is under way, those that arrive wait
 * and are then decided in order, each against the state that the one before it leaves, and go out in one append at the exact
 * revision. A lost race reads what is new and decides all again. An append whose outcome is unknown is repeated with the same
 * ids at the same revision: it lands, or fails because it had landed (our events are then the next ones), or because somebody
 * else wrote. Answers, refusals too, are given when what they rest on is durable.
 */
export class AccountWriter {
  readonly snapshots: AccountSnapshots;
  private readonly entries: LRUCache<AccountId, Entry>;
  private readonly reader: AccountReader;

  /** @param report hears of snapshots that cannot be used or written */
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
    private readonly limits: AccountWriterLimits = DEFAULT_LIMITS,
    report: ReportProblem = () => undefined,
  ) {
    this.snapshots = new AccountSnapshots(store, report);
    this.reader = new AccountReader(store, this.snapshots);
    // An account heavier than the whole cache is still kept: without it, every command would read its stream anew.
    const sizeCalculation = ({ weight }: Entry) => Math.min(Math.max(1, weight), limits.cacheBytesMax);
    this.entries = new LRUCache({ maxSize: limits.cacheBytesMax, sizeCalculation });
  }

  /** Accounts in memory. */
  get known(): number {
    return this.entries.size;
  }

  /**
   * Decides a command and appends what it makes happen.
   * Throws WriteQueueFull, AccountUnreadable, or AppendOutcomeUnknown / EventStoreUnavailable where the store gave no answer for
   * too long.
   */
  execute(accountId: AccountId, command: AccountCommand, cause: Cause): Promise<Answer> {
    return this.enqueue(accountId, command, cause);
  }

  /** The account as this process knows it, loaded where it is not in memory. Possibly stale: no decision rests on it. */
  async load(accountId: AccountId): Promise<LoadedAccount> {
    const known = this.entries.get(accountId)?.known;
    return known?.loaded ? { account: known.account, position: known.position } : this.refresh(accountId);
  }

  /** The account after reading what other processes may have written. */
  refresh(accountId: AccountId): Promise<LoadedAccount> {
    return this.enqueue(accountId, undefined, undefined);
  }

  private enqueue(accountId: AccountId, command: AccountCommand | undefined, cause: Cause | undefined): Promise<Answer> {
    const entry = this.entry(accountId);
    if (entry.queue.length >= this.limits.queueMax) return Promise.reject(new WriteQueueFull(accountStream(accountId)));
    return new Promise((answer, fail) => {
      entry.queue.push({ command, cause, answer, fail });
      if (!entry.draining) void this.drain(entry);
    });
  }

  private entry(accountId: AccountId): Entry {
    let entry = this.entries.get(accountId);
    if (!entry) {
      entry = { known: new KnownAccount(accountId), turns: new AccountTurns(), weight: 0, queue: [], draining: false };
      this.entries.set(accountId, entry);
    }
    return entry;
  }

  private async drain(entry: Entry): Promise<void> {
    entry.draining = true;
    while (entry.queue.length > 0) {
      const batch: Pending[] = [];
      try {
        await this.commit(entry, batch);
      } catch (error) {
        for (const pending of batch) pending.fail(error);
      }
    }
    entry.draining = false;
  }

  /** Lets those who wait join a batch. What it then rests on must be read after this. */
  private gather({ queue }: Entry, batch: Pending[]): void {
    batch.push(...queue.splice(0, this.limits.batchMax - batch.length));
  }

  private async commit(entry: Entry, batch: Pending[]): Promise<void> {
    const { known, turns } = entry;
    const restMs = turns.restMs(performance.now());
    if (restMs > 0) await delay(restMs);
    const giveUpAt = performance.now() + this.limits.retryForMs;
    this.gather(entry, batch);
    let fresh = !known.loaded || turns.shared;
    if (fresh) await retrying(() => this.reader.catchUp(known), giveUpAt);
    for (;;) {
      const decidedAt = performance.now();
      const { decided, sealed, after } = this.decide(known, batch);
      // What did not fit into the append waits for the next one.
      entry.queue.unshift(...batch.splice(decided.length));
      if (sealed.length > 0) {
        const place = await this.append(entry, batch, sealed, giveUpAt);
        if (!place) {
          fresh = true;
          continue;
        }
        entry.queue.unshift(...batch.splice(decided.length));
        const answeredAt = performance.now();
        turns.won(known.appendsRead, answeredAt - decidedAt, answeredAt);
        known.appendsRead = 0;
        this.adopt(known, after, { ...place, lastHash: (sealed.at(-1) as EventToAppend).hash });
        return this.answerAll(entry, decided);
      }
      // No append proves that the state was current, so neither a refusal nor "that was done before" is answered before reading on.
      if (fresh) return this.answerAll(entry, decided);
      this.gather(entry, batch);
      await retrying(() => this.reader.catchUp(known), giveUpAt);
      fresh = true;
    }
  }

  /**
   * Decides the commands of a batch in order, as many as fit into one append, and seals what they make happen into the chain.
   * What a command makes happen is folded when the next one asks, into a copy: what is known stays as it is durable.
   */
  private decide(known: KnownAccount, batch: readonly Pending[]): Decision {
    const at = Math.max(this.clock.now(), known.account.lastEventAt);
    const chain = new SealedBatch(known, at);
    const decided: Decided[] = [];
    let state = known.account;
    let unfolded: readonly AccountEvent[] = [];
    for (const pending of batch) {
      const { command, cause } = pending;
      if (!command || !cause) {
        decided.push({ pending, events: [] });
        continue;
      }
      if (unfolded.length > 0) {
        state = foldAll(state === known.account ? copyAccount(state) : state, unfolded, at);
        unfolded = [];
      }
      const decision = accountDecider.decide(command, state, at);
      if ('rejection' in decision) {
        decided.push({ pending, rejection: decision.rejection, events: [] });
        continue;
      }
      if (!chain.add(decision.events, cause)) break;
      decided.push({ pending, events: decision.events });
      unfolded = decision.events;
    }
    return { decided, sealed: chain.sealed, after: () => foldAll(state, unfolded, at) };
  }

  /**
   * Appends at the exact revision until the outcome is known.
   * @returns undefined where somebody else wrote first: the account is then up to date and everything is to be decided again
   */
  private async append(
    entry: Entry,
    batch: Pending[],
    events: readonly EventToAppend[],
    giveUpAt: number,
  ): Promise<Appended | undefined> {
    const { known } = entry;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.store.append(known.stream, events, known.revision);
      } catch (error) {
        // Somebody wrote at our revision: ourselves, in an append whose answer was lost, or another process.
        if (error instanceof WrongExpectedRevision) {
          this.gather(entry, batch);
          return retrying(this.reader.catchUpUnlessOurs(known, events), giveUpAt);
        }
        if (!(error instanceof AppendOutcomeUnknown) || performance.now() > giveUpAt) {
          known.loaded = false;
          throw error;
        }
        await pause(attempt);
      }
    }
  }

  private adopt(known: KnownAccount, after: () => Account, place: Place): void {
    try {
      known.adopt(after(), place);
    } catch (error) {
      // Perhaps half folded in place.
      known.forget();
      throw error;
    }
  }

  private answerAll(entry: Entry, decided: readonly Decided[]): void {
    const { known } = entry;
    this.weigh(entry);
    for (const { pending, rejection, events } of decided) {
      pending.answer({ ...(rejection ? { rejection } : {}), events, position: known.position, account: known.account });
    }
    this.snapshots.offer(known);
  }

  /** The cache must know when an account weighs something else; one that was evicted while it worked comes back. */
  private weigh(entry: Entry): void {
    const { accountId, account } = entry.known;
    const weight = memoryOf(account);
    if (Math.abs(weight - entry.weight) < WEIGHT_TOLERANCE && this.entries.has(accountId)) return;
    entry.weight = weight;
    this.entries.delete(accountId);
    this.entries.set(accountId, entry);
  }
}

function foldAll(account: Account, events: readonly AccountEvent[], at: Instant): Account {
  let state = account;
  for (const event of events) state = accountDecider.evolve(state, event, at);
  return state;
}

/** Changes that the cache need not hear of, in bytes. */
const WEIGHT_TOLERANCE = 1_000;

/** Waits a little longer after each attempt: 20 ms doubling to 500 ms. */
const pause = (attempt: number) => new Promise((resolve) => setTimeout(resolve, Math.min(20 * 2 ** (attempt - 1), 500)));

async function retrying<T>(read: () => Promise<T>, giveUpAt: number): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable) || performance.now() > giveUpAt) throw error;
      await pause(attempt);
    }
  }
}
