import type { EventToAppend } from '../event-store/envelope.js';
import { AccountUnreadable } from '../event-store/errors.js';
import type { EventStore, StoredEvent } from '../event-store/event-store.js';
import type { AccountSnapshots } from './account-snapshots.js';
import type { KnownAccount } from './known-account.js';

/** Reads accounts to the end of their streams: from where they are known, else from their snapshot, else from the first event. */
export class AccountReader {
  constructor(
    private readonly store: EventStore,
    private readonly snapshots: AccountSnapshots,
  ) {}

  /** Throws EventStoreUnavailable (what was read until then is kept) or AccountUnreadable. */
  async catchUp(known: KnownAccount): Promise<void> {
    const isNew = known.revision < 0n;
    if (!isNew || !(await this.fromSnapshot(known))) await this.readOn(known);
    // History says nothing about who else is writing now.
    if (isNew) known.appendsRead = 0;
    known.loaded = true;
    this.snapshots.offer(known);
  }

  /**
   * Catches up where the next events may be an append of our own of which nobody knows whether it landed: then it stops behind it.
   * To be called again where it throws EventStoreUnavailable.
   * @returns the last event of ours, if the chain says that ours landed; the account is then as it was, and not known to the end
   */
  catchUpUnlessOurs(known: KnownAccount, ours: readonly EventToAppend[]): () => Promise<StoredEvent | undefined> {
    let isForeign = false;
    return async () => {
      if (isForeign) {
        await this.catchUp(known);
        return undefined;
      }
      const next = this.store.read(known.stream, known.revision + 1n);
      const first = await take(next, ours.length);
      const last = first.at(-1);
      if (first.length === ours.length && last?.metadata?.hash === ours.at(-1)?.hash) {
        await next.return(undefined);
        known.loaded = false;
        return last;
      }
      isForeign = true;
      for (const event of first) known.fold(event);
      for await (const event of next) known.fold(event);
      this.snapshots.offer(known);
      return undefined;
    };
  }

  private async readOn(known: KnownAccount): Promise<void> {
    for await (const event of this.store.read(known.stream, known.revision + 1n)) known.fold(event);
  }

  /**
   * The event that the snapshot rests on is read again: only where it is in the stream as the snapshot says is the snapshot one
   * of this stream.
   * @returns false where there is no snapshot that may be used; the account is then as it was
   */
  private async fromSnapshot(known: KnownAccount): Promise<boolean> {
    const snapshot = await this.snapshots.newest(known.accountId);
    if (!snapshot) return false;
    let isPlaced = false;
    try {
      for await (const event of this.store.read(known.stream, snapshot.revision)) {
        if (isPlaced) {
          known.fold(event);
        } else {
          if (event.revision !== snapshot.revision || event.metadata?.hash !== snapshot.lastHash) break;
          known.adopt(snapshot.account, { ...snapshot, position: event.position });
          known.snapshotRevision = snapshot.revision;
          isPlaced = true;
        }
      }
    } catch (error) {
      if (!(error instanceof AccountUnreadable)) throw error;
      // Perhaps it is the snapshot that is wrong: the events alone will say.
      this.snapshots.ignore(known.accountId, `event ${error.revision} does not follow from it`);
      return false;
    }
    if (isPlaced) this.snapshots.counters.used += 1;
    else this.snapshots.ignore(known.accountId, `it rests on event ${snapshot.revision}, which the stream does not have`);
    return isPlaced;
  }
}

async function take(events: AsyncGenerator<StoredEvent>, countMax: number): Promise<StoredEvent[]> {
  const taken: StoredEvent[] = [];
  while (taken.length < countMax) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}
