import { setTimeout as delay } from 'node:timers/promises';
import { type Cause, type EventToAppend, seal } from '../event-store/envelope.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, WrongExpectedRevision } from '../event-store/errors.js';
import type { EventStore, StoredEvent } from '../event-store/event-store.js';
import { type Instant, instantToText } from '../kernel/time.js';
import type { StreamHead } from './booked-model.js';
import { MODELS_STREAM, PRICE_STREAM_PREFIX } from './domain/pricing.events.js';

/** Some six seconds in all: a gRPC channel takes one to connect again. */
const APPEND_ATTEMPTS_MAX = 8;
const FOLLOW_BATCH_MAX = 100;
const BACK_OFF_MIN_MS = 50;
const BACK_OFF_MAX_MS = 5_000;

/**
 * Appends events behind the head that is known here, linked into the stream's hash chain. Resolves also where the race was
 * lost: the caller reads what is new and decides again. An append of unknown outcome is repeated with the same ids at the
 * same place; whether it had landed shows in the stream.
 */
export async function appendBehind(
  store: EventStore,
  stream: string,
  head: StreamHead,
  events: readonly { readonly type: string; readonly data: object }[],
  cause: Cause,
  at: Instant,
): Promise<void> {
  const expectedRevision = head.revision;
  let previousHash = head.hash;
  const sealed: EventToAppend[] = [];
  for (const [index, event] of events.entries()) {
    const place = { stream, revision: expectedRevision + 1n + BigInt(index), previousHash };
    const next = seal(place, event, cause, index, instantToText(at));
    previousHash = next.hash;
    sealed.push(next);
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await store.append(stream, sealed, expectedRevision);
      return;
    } catch (error) {
      if (error instanceof WrongExpectedRevision) return;
      if (!(error instanceof AppendOutcomeUnknown) || attempt === APPEND_ATTEMPTS_MAX) throw error;
      await delay(backOffMs(attempt));
    }
  }
}

/**
 * Hands over every event of the price book after a position, live ones as they come, until the signal. A broken subscription
 * is taken up again where it broke; an event that cannot be applied ends it with that error, since stale prices cost money.
 */
export async function followPrices(
  store: EventStore,
  after: bigint | undefined,
  signal: AbortSignal,
  apply: (event: StoredEvent) => void,
): Promise<void> {
  let position = after;
  let failures = 0;
  while (!signal.aborted) {
    const streamPrefixes = [PRICE_STREAM_PREFIX, MODELS_STREAM];
    try {
      for await (const batch of store.subscribe({ streamPrefixes, after: position, batchMax: FOLLOW_BATCH_MAX, signal })) {
        batch.events.forEach(apply);
        position = batch.position;
        failures = 0;
      }
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable)) throw error;
      failures += 1;
      await delay(backOffMs(failures), undefined, { signal }).catch(() => undefined);
    }
  }
}

const backOffMs = (failures: number): number => Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** (failures - 1));
