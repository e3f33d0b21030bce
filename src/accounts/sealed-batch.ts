import { type Cause, type EventToAppend, seal } from '../event-store/envelope.js';
import { type Instant, instantToText } from '../kernel/time.js';
import type { AccountEvent } from './domain/accounts.events.js';
import type { KnownAccount } from './known-account.js';

/** EventStoreDB takes 1 MiB; a text in other scripts than Latin has up to three bytes a character. */
const APPEND_BYTES_MAX = 340_000;
/** Of an event's type and its frame. */
const EVENT_BYTES = 100;

/** What a batch makes happen, sealed one after the other, as far as one append takes it. */
export class SealedBatch {
  readonly sealed: EventToAppend[] = [];
  private readonly stream: string;
  private revision: bigint;
  private previousHash: string;
  private bytes = 0;
  private readonly occurredAt: string;

  constructor({ stream, revision, lastHash }: KnownAccount, at: Instant) {
    this.stream = stream;
    this.revision = revision;
    this.previousHash = lastHash;
    this.occurredAt = instantToText(at);
  }

  /** @returns false, and nothing is added, where the append would become too large; the first command always fits */
  add(events: readonly AccountEvent[], cause: Cause): boolean {
    const before = this.sealed.length;
    let { revision, previousHash, bytes } = this;
    events.forEach((event, index) => {
      revision += 1n;
      const sealed = seal({ stream: this.stream, revision, previousHash }, event, cause, index, this.occurredAt);
      previousHash = sealed.hash;
      bytes += sealed.dataJson.length + sealed.metadataJson.length + EVENT_BYTES;
      this.sealed.push(sealed);
    });
    if (bytes > APPEND_BYTES_MAX && before > 0) {
      this.sealed.length = before;
      return false;
    }
    Object.assign(this, { revision, previousHash, bytes });
    return true;
  }
}
