import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EventToAppend, eventId } from '../event-store/envelope.js';
import { WrongExpectedRevision } from '../event-store/errors.js';
import type { EventStore } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import { decodeSnapshot, encodeSnapshot, type Snapshot, snapshotStream } from './account-snapshot.js';
import type { KnownAccount } from './known-account.js';

export { FOLD_VERSION } from './account-snapshot.js';

/** Says what is wrong with a snapshot, in words. Nothing is lost with it but time. */
export type ReportProblem = (problem: string) => void;

const EVENTS_BETWEEN = 1_000n;
const WRITES_MAX = 2;
/** Accounts that wait for their snapshot; those beyond come again with their next event. */
const DUE_MAX = 1_000;
/** Below what the store takes in one append. */
const SNAPSHOT_BYTES_MAX = 1_000_000;
const REPORTED_MAX = 1_000;

/**
 * Folded accounts, each kept as the newest event of a stream of its own: a cache and never a source. They are written in the
 * background, one at a time per account and few at once, from whatever is durable then; a command neither waits for one nor
 * fails with it. One that cannot be trusted is passed over, and said once.
 */
export class AccountSnapshots {
  readonly counters = { written: 0, used: 0, ignored: 0, failed: 0 };
  private readonly due = new Set<KnownAccount>();
  private readonly writing = new Set<KnownAccount>();
  private readonly reported = new Set<string>();
  private idlers: (() => void)[] = [];

  constructor(
    private readonly store: EventStore,
    private readonly report: ReportProblem,
  ) {}

  /** The newest snapshot of an account, in itself whole; whether it fits the account's stream is for the reader to check. */
  async newest(accountId: AccountId): Promise<Snapshot | undefined> {
    for await (const event of this.store.readBackwards(snapshotStream(accountId))) {
      const snapshot = decodeSnapshot(accountId, event);
      if (typeof snapshot !== 'string') return snapshot;
      this.ignore(accountId, snapshot);
      return undefined;
    }
    return undefined;
  }

  ignore(accountId: AccountId, reason: string): void {
    this.counters.ignored += 1;
    this.sayOnce(`the snapshot of account ${accountId} is ignored: ${reason}`);
  }

  /** Has a snapshot written soon where enough has happened since the last one. */
  offer(known: KnownAccount): void {
    if (known.revision - known.snapshotRevision < EVENTS_BETWEEN || this.due.size >= DUE_MAX) return;
    this.due.add(known);
    this.writeDue();
  }

  /** Resolves when nothing is being written and nothing waits to be. */
  idle(): Promise<void> {
    if (this.writing.size === 0 && this.due.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idlers.push(resolve));
  }

  private writeDue(): void {
    for (const known of this.due) {
      if (this.writing.size >= WRITES_MAX) return;
      if (this.writing.has(known)) continue;
      this.due.delete(known);
      this.writing.add(known);
      void this.write(known).finally(() => {
        this.writing.delete(known);
        this.writeDue();
        if (this.writing.size === 0) for (const resolve of this.idlers.splice(0)) resolve();
      });
    }
  }

  private async write(known: KnownAccount): Promise<void> {
    // After the answers of the batch that brought us here.
    await nextTurn();
    const { accountId, snapshotRevision, revision } = known;
    if (!known.loaded || revision - snapshotRevision < EVENTS_BETWEEN) return;
    // Whatever comes of it, the next one is for a thousand events later.
    known.snapshotRevision = revision;
    try {
      const event = encodeSnapshot(accountId, known);
      if (event.dataJson.length > SNAPSHOT_BYTES_MAX) throw new Error(`it would be ${event.dataJson.length} bytes long`);
      if (snapshotRevision < 0n) await this.keepOnlyNewest(accountId);
      await this.store.append(snapshotStream(accountId), [event], 'any');
      this.counters.written += 1;
    } catch (error) {
      this.counters.failed += 1;
      this.sayOnce(`no snapshot of account ${accountId} was written: ${(error as Error).message}`);
    }
  }

  /** Before the first snapshot, so that where one is, this has been said. */
  private async keepOnlyNewest(accountId: AccountId): Promise<void> {
    try {
      await this.store.append(`$$${snapshotStream(accountId)}`, [KEEP_ONE], -1n);
    } catch (error) {
      if (!(error instanceof WrongExpectedRevision)) throw error;
    }
  }

  private sayOnce(problem: string): void {
    if (this.reported.has(problem)) return;
    if (this.reported.size >= REPORTED_MAX) this.reported.clear();
    this.reported.add(problem);
    this.report(problem);
  }
}

/** A stream's metadata: EventStoreDB shows, and keeps, its newest event alone. */
const KEEP_ONE: EventToAppend = {
  id: eventId('5'.repeat(64)),
  type: '$metadata',
  hash: '',
  dataJson: '{"$maxCount":1}',
  metadataJson: '',
};
