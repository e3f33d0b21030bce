import { GENESIS_HASH } from '../event-store/envelope.js';
import { AccountUnreadable } from '../event-store/errors.js';
import type { StoredEvent } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import { type Instant, instantFromText } from '../kernel/time.js';
import { accountDecider } from './domain/account.decider.js';
import type { Account } from './domain/account.js';
import { type AccountEvent, accountStream } from './domain/accounts.events.js';

/** A place in an account's stream: that of its last event that is known. */
export interface Place {
  readonly revision: bigint;
  /** In `$all`. */
  readonly position: bigint;
  readonly lastHash: string;
}

/** One account as its stream says, as far as this process has read or written it: nothing that is not durable gets in here. */
export class KnownAccount implements Place {
  readonly stream: string;
  account: Account = accountDecider.initialState();
  revision = -1n;
  position = -1n;
  lastHash = GENESIS_HASH;
  /** Read to the end of the stream, as it was then. */
  loaded = false;
  /** Appends that were read, and so were not ours: the events of one share their time. */
  appendsRead = 0;
  /** Of the newest snapshot that is known, or is being written. */
  snapshotRevision = -1n;

  constructor(readonly accountId: AccountId) {
    this.stream = accountStream(accountId);
  }

  /**
   * Takes in the next event of the stream. One that cannot be decoded or folded throws AccountUnreadable and forgets the account,
   * which may be half folded: nothing is decided on it.
   */
  fold(event: StoredEvent): void {
    try {
      if (event.revision !== this.revision + 1n) throw new Error('an event is missing before it');
      const at = timeOf(event);
      if (at !== this.account.lastEventAt) this.appendsRead += 1;
      this.account = accountDecider.evolve(this.account, factOf(event), at);
      this.moveTo({ revision: event.revision, position: event.position, lastHash: event.metadata.hash });
    } catch {
      this.forget();
      throw new AccountUnreadable(this.stream, event.revision, event.type);
    }
  }

  /** Takes over a state that rests on the event at a place: one of our own appends, or a snapshot. */
  adopt(account: Account, place: Place): void {
    this.account = account;
    this.moveTo(place);
  }

  forget(): void {
    this.adopt(accountDecider.initialState(), { revision: -1n, position: -1n, lastHash: GENESIS_HASH });
    this.loaded = false;
    this.snapshotRevision = -1n;
  }

  private moveTo({ revision, position, lastHash }: Place): void {
    this.revision = revision;
    this.position = position;
    this.lastHash = lastHash;
  }
}

/** What is no JSON arrives as text; folding that could go unnoticed. */
function factOf({ type, data }: StoredEvent): AccountEvent {
  if (typeof data !== 'object' || data === null) throw new TypeError('an event has no data');
  return { type, data } as AccountEvent;
}

function timeOf({ metadata }: StoredEvent): Instant {
  const at = instantFromText(metadata.occurredAt);
  if (Number.isNaN(at) || typeof metadata.hash !== 'string') throw new TypeError('an event has no envelope');
  return at;
}
