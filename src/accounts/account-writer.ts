import { LRUCache } from 'lru-cache';
import { type Cause, type EventToAppend, GENESIS_HASH, seal } from '../event-store/envelope.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, WriteQueueFull, WrongExpectedRevision } from '../event-store/errors.js';
import type { EventStore, StoredEvent } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import { type Clock, type Instant, instantFromText, instantToText } from '../kernel/time.js';
import { type AccountCommand, type AccountRejection, accountDecider } from './domain/account.decider.js';
import { type Account, copyAccount } from './domain/account.js';
import { type AccountEvent, accountStream } from './domain/accounts.events.js';

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

/** One account in this process: `durable` is what the store holds, `working` what the commands of a batch leave behind. */
interface Entry {
  readonly accountId: AccountId;
  durable: Account;
  working: Account;
  revision: bigint;
  position: bigint;
  lastHash: string;
  loaded: boolean;
  /** As the cache counts it. */
  weight: number;
  readonly queue: Pending[];
  draining: boolean;
}

interface Decided {
  readonly pending: Pending;
  readonly rejection?: AccountRejection;
  readonly events: readonly AccountEvent[];
}

export interface AccountWriterLimits {
  /** Commands decided together in one append: keeps an append below the store's size limit. */
  readonly batchMax: number;
  /** Commands waiting per account before new ones are turned away. */
  readonly queueMax: number;
  /** How long a store that does not answer is tried before the commands of a batch fail. */
  readonly retryForMs: number;
  /** Bound of the cache, in units of about 200 bytes (lots, reservations, keys). */
  readonly cacheUnitsMax: number;
}

export const DEFAULT_LIMITS: AccountWriterLimits = {
  batchMax: 200,
  queueMax: 10_000,
  retryForMs: 10_000,
  cacheUnitsMax: 500_000,
};

/**
 * The whole command path of the ledger. Commands for one account queue up; while an append is under way, those that arrive wait
 * and are then decided in order, each against the state that the one before it leaves, and go out in one append at the exact
 * revision. A lost race reads what is new and decides all again. An append whose outcome is unknown is repeated with the same
 * ids at the same revision: it lands, or fails because it had landed (our events are then the next ones), or because somebody
 * else wrote. Answers, refusals too, are given when what they rest on is durable.
 */
export class AccountWriter {
  private readonly entries: LRUCache<AccountId, Entry>;

  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
    private readonly limits: AccountWriterLimits = DEFAULT_LIMITS,
  ) {
    this.entries = new LRUCache({ maxSize: limits.cacheUnitsMax, sizeCalculation: ({ weight }) => Math.max(1, weight) });
  }

  /**
   * Decides a command and appends what it makes happen.
   * Throws WriteQueueFull, or AppendOutcomeUnknown / EventStoreUnavailable where the store gave no answer for too long.
   */
  execute(accountId: AccountId, command: AccountCommand, cause: Cause): Promise<Answer> {
    return this.enqueue(accountId, command, cause);
  }

  /** The account as this process knows it, loaded where it is not in memory. Possibly stale: no decision rests on it. */
  async load(accountId: AccountId): Promise<LoadedAccount> {
    const entry = this.entries.get(accountId);
    return entry?.loaded ? { account: entry.durable, position: entry.position } : this.refresh(accountId);
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
      entry = { accountId, ...unloaded(), weight: 0, queue: [], draining: false };
      this.entries.set(accountId, entry);
    }
    return entry;
  }

  private async drain(entry: Entry): Promise<void> {
    entry.draining = true;
    while (entry.queue.length > 0) {
      const batch = entry.queue.splice(0, this.limits.batchMax);
      try {
        await this.commit(entry, batch);
      } catch (error) {
        entry.working = copyAccount(entry.durable);
        for (const pending of batch) pending.fail(error);
      }
    }
    entry.draining = false;
  }

  /** The cache must know when an account weighs something else; one that was evicted while it worked comes back. */
  private weigh(entry: Entry): void {
    const weight = sizeOf(entry);
    if (Math.abs(weight - entry.weight) < WEIGHT_TOLERANCE && this.entries.has(entry.accountId)) return;
    entry.weight = weight;
    this.entries.delete(entry.accountId);
    this.entries.set(entry.accountId, entry);
  }

  private answerAll(entry: Entry, decided: readonly Decided[]): void {
    this.weigh(entry);
    for (const { pending, rejection, events } of decided) {
      pending.answer({ ...(rejection ? { rejection } : {}), events, position: entry.position, account: entry.durable });
    }
  }

  private async commit(entry: Entry, batch: readonly Pending[]): Promise<void> {
    const giveUpAt = performance.now() + this.limits.retryForMs;
    let fresh = !entry.loaded;
    if (!entry.loaded) await retrying(() => this.catchUp(entry), giveUpAt);
    for (;;) {
      const { decided, events, at } = this.decide(entry, batch);
      if (events.length > 0) {
        if (await this.append(entry, events, giveUpAt)) {
          for (const one of decided)
            for (const event of one.events) entry.durable = accountDecider.evolve(entry.durable, event, at);
          return this.answerAll(entry, decided);
        }
        fresh = true;
        continue;
      }
      // No append proves that the state was current, so a refusal is not given before reading on.
      const restsOnState = decided.some(({ pending, rejection }) => rejection !== undefined || pending.command === undefined);
      if (!restsOnState || fresh) return this.answerAll(entry, decided);
      await retrying(() => this.catchUp(entry), giveUpAt);
      fresh = true;
    }
  }

  /** Decides the commands of a batch in order and seals what they make happen into the chain. */
  private decide(entry: Entry, batch: readonly Pending[]): { decided: Decided[]; events: EventToAppend[]; at: Instant } {
    const stream = accountStream(entry.accountId);
    const at = Math.max(this.clock.now(), entry.durable.lastEventAt);
    const occurredAt = instantToText(at);
    const events: EventToAppend[] = [];
    let { revision, lastHash: previousHash } = entry;
    const decided = batch.map((pending): Decided => {
      const { command, cause } = pending;
      if (!command || !cause) return { pending, events: [] };
      const decision = accountDecider.decide(command, entry.working, at);
      if ('rejection' in decision) return { pending, rejection: decision.rejection, events: [] };
      decision.events.forEach((event, index) => {
        revision += 1n;
        const sealed = seal({ stream, revision, previousHash }, event, cause, index, occurredAt);
        previousHash = sealed.hash;
        events.push(sealed);
        entry.working = accountDecider.evolve(entry.working, event, at);
      });
      return { pending, events: decision.events };
    });
    return { decided, events, at };
  }

  /**
   * Appends at the exact revision until the outcome is known.
   * @returns false where somebody else wrote first: the state is then up to date and everything is to be decided again
   */
  private async append(entry: Entry, events: readonly EventToAppend[], giveUpAt: number): Promise<boolean> {
    const stream = accountStream(entry.accountId);
    for (let attempt = 1; ; attempt++) {
      try {
        const appended = await this.store.append(stream, events, entry.revision);
        entry.revision = appended.revision;
        entry.position = appended.position;
        entry.lastHash = (events.at(-1) as EventToAppend).hash;
        return true;
      } catch (error) {
        if (error instanceof WrongExpectedRevision) return this.lostRace(entry, events, giveUpAt);
        if (!(error instanceof AppendOutcomeUnknown) || performance.now() > giveUpAt) {
          entry.loaded = false;
          throw error;
        }
        await pause(attempt);
      }
    }
  }

  /** Somebody wrote at our revision: ourselves, in an append whose answer was lost, or another process. */
  private async lostRace(entry: Entry, ours: readonly EventToAppend[], giveUpAt: number): Promise<boolean> {
    const next = await retrying(() => this.read(entry), giveUpAt);
    if (next[ours.length - 1]?.metadata.hash !== ours.at(-1)?.hash) {
      this.fold(entry, next);
      entry.working = copyAccount(entry.durable);
      return false;
    }
    // The chain says that ours landed. What others wrote after it is read before the next decision.
    this.place(entry, next[ours.length - 1] as StoredEvent);
    if (next.length > ours.length) entry.loaded = false;
    return true;
  }

  private async catchUp(entry: Entry): Promise<void> {
    const events = await this.read(entry);
    entry.loaded = true;
    if (events.length === 0) return;
    this.fold(entry, events);
    entry.working = copyAccount(entry.durable);
  }

  private async read(entry: Entry): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    for await (const event of this.store.read(accountStream(entry.accountId), entry.revision + 1n)) events.push(event);
    return events;
  }

  private fold(entry: Entry, events: readonly StoredEvent[]): void {
    try {
      for (const event of events) {
        const fact = { type: event.type, data: event.data } as AccountEvent;
        entry.durable = accountDecider.evolve(entry.durable, fact, instantFromText(event.metadata.occurredAt));
        this.place(entry, event);
      }
    } catch (error) {
      // Half folded in place: nothing may be decided on it.
      Object.assign(entry, unloaded());
      throw error;
    }
  }

  private place(entry: Entry, last: StoredEvent): void {
    entry.revision = last.revision;
    entry.position = last.position;
    entry.lastHash = last.metadata.hash;
  }
}

const unloaded = () => ({
  durable: accountDecider.initialState(),
  working: accountDecider.initialState(),
  revision: -1n,
  position: -1n,
  lastHash: GENESIS_HASH,
  loaded: false,
});

function sizeOf({ durable }: Entry): number {
  return (
    10 +
    durable.lots.size +
    durable.reservations.size +
    durable.closed.recent.size +
    durable.closed.older.size +
    durable.keys.size +
    durable.grants.size
  );
}

/** Changes that the cache need not hear of, in its units. */
const WEIGHT_TOLERANCE = 8;

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
