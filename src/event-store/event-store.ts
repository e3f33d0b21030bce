import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { BatchAppend } from './batch-append.js';
import type { ExpectedRevision } from './batch-append-wire.js';
import type { EventToAppend } from './envelope.js';
import { EventStoreUnavailable } from './errors.js';
import {
  decodeRawEvent,
  decodeReadMessage,
  encodeAllRead,
  encodeLastRead,
  encodeStreamRead,
  encodeSubscription,
  type RawEvent,
} from './read-wire.js';
import { RecentEvents } from './recent-events.js';
import type { StoredEvent } from './stored-event.js';
import { openCall } from './streams-client.js';

export type { StoredEvent } from './stored-event.js';

export interface Appended {
  /** Revision of the last event appended. */
  readonly revision: bigint;
  /** Commit position of the last event appended. */
  readonly position: bigint;
}

/** Some events of `$all`, in order, and the position up to which nothing that matches is missing. */
export interface EventBatch {
  readonly events: readonly StoredEvent[];
  readonly position: bigint;
}

export interface SubscribeOptions {
  readonly streamPrefixes: readonly string[];
  /** Commit position of the last event that is known; undefined from the beginning. */
  readonly after: bigint | undefined;
  readonly batchMax: number;
  readonly signal: AbortSignal;
}

export interface ReadAllOptions {
  readonly streamPrefixes: readonly string[];
  /** Commit position of the last event that is known; undefined from the beginning. */
  readonly after: bigint | undefined;
}

type ReadCall = ClientReadableStream<Buffer>;

/** A call that the server does not answer for this long is given up: the client's own deadline does not fire on its side. */
const CALL_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 500;
/** A filter that lets little through makes the server search long before it has anything to say. */
const SEARCH_TIMEOUT_MS = 60_000;
/** Events asked for in one call of `readAll`, and those handed on at once. */
const PAGE_EVENTS_MAX = 100_000;
const BATCH_EVENTS_MAX = 1_000;

/**
 * The one door to EventStoreDB. It says what a writer must know: an append did not happen (WrongExpectedRevision,
 * AppendRefused), or nobody knows (AppendOutcomeUnknown).
 */
export class EventStore {
  readonly counters = { appends: 0, events: 0 };
  private readonly client: EventStoreDBClient;
  private readonly appends: BatchAppend;
  private readonly recent = new RecentEvents();

  constructor(
    connectionString: string,
    private readonly timeoutMs = CALL_TIMEOUT_MS,
  ) {
    this.client = EventStoreDBClient.connectionString(connectionString);
    this.appends = new BatchAppend(this.client, timeoutMs);
  }

  /**
   * Appends events to a stream in one atomic write; resolves when they are durable.
   * @param expectedRevision revision of the stream's last event, -1n where the stream must not exist, or 'any'
   */
  async append(stream: string, events: readonly EventToAppend[], expectedRevision: ExpectedRevision): Promise<Appended> {
    const { revision, position } = await this.appends.append(stream, events, expectedRevision);
    this.counters.appends += 1;
    this.counters.events += events.length;
    return { revision, position };
  }

  /** Reads a stream forwards from a revision. A stream that does not exist yields nothing. Throws EventStoreUnavailable. */
  read(stream: string, fromRevision: bigint = 0n): AsyncGenerator<StoredEvent> {
    return this.readStream(stream, encodeStreamRead(stream, fromRevision, 'forwards'));
  }

  /**
   * Reads a stream backwards, newest first, from its end or from a revision, inclusive. Break off when enough was seen: the server
   * is a window ahead, no more. Throws EventStoreUnavailable.
   */
  readBackwards(stream: string, fromRevision?: bigint): AsyncGenerator<StoredEvent> {
    return this.readStream(stream, encodeStreamRead(stream, fromRevision, 'backwards'));
  }

  private async *readStream(stream: string, request: Buffer): AsyncGenerator<StoredEvent> {
    let call: ReadCall | undefined;
    const silence = setTimeout(() => call?.destroy(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
    try {
      call = await this.withinTimeout(openCall(this.client, 'read', request));
      for await (const bytes of call) {
        silence.refresh();
        const message = decodeReadMessage(bytes as Buffer);
        if (message.is === 'event') yield message.event;
      }
    } catch (error) {
      throw new EventStoreUnavailable(`reading ${stream}`, error);
    } finally {
      clearTimeout(silence);
      end(call);
    }
  }

  /**
   * Follows `$all`, filtered on the server by the prefix of the stream's name: history first, then live, without gap or
   * repetition. Yields what has arrived, at most `batchMax` events at a time, or progress without events. Throws
   * EventStoreUnavailable where the subscription breaks: subscribe again after the last position.
   */
  async *subscribe({ streamPrefixes, after, batchMax, signal }: SubscribeOptions): AsyncGenerator<EventBatch> {
    const request = encodeSubscription(streamPrefixes, after);
    let call: ReadCall | undefined;
    try {
      call = await this.withinTimeout(openCall(this.client, 'read', request));
      yield* batchesOf(call, after ?? -1n, batchMax, signal, this.recent);
    } catch (error) {
      throw new EventStoreUnavailable('the subscription ended', error);
    } finally {
      end(call);
    }
  }

  /**
   * What there is of `$all` now, forwards, filtered on the server by the prefix of the stream's name. Ends at the end that the
   * log has when it gets there. Throws EventStoreUnavailable.
   */
  async *readAll(options: ReadAllOptions): AsyncGenerator<StoredEvent> {
    for await (const batch of this.readAllMessages(options)) {
      for (const bytes of batch) {
        const message = decodeReadMessage(bytes);
        if (message.is === 'event') yield message.event;
      }
    }
  }

  /** `readAll` as the messages of the wire (`decodeReadMessage` reads them), for who reads millions of them elsewhere. */
  async *readAllMessages({ streamPrefixes, after }: ReadAllOptions): AsyncGenerator<readonly Buffer[]> {
    let known = after;
    for (;;) {
      let seen = 0;
      for await (const batch of this.readPage('$all', encodeAllRead(streamPrefixes, known, PAGE_EVENTS_MAX))) {
        // A read begins with the event at the position that it names.
        const news = seen === 0 && known !== undefined && isAt(batch[0], known) ? batch.slice(1) : batch;
        seen += batch.length;
        known = positionOf(batch.at(-1)) ?? known;
        if (news.length > 0) yield news;
      }
      if (seen < PAGE_EVENTS_MAX) return;
    }
  }

  /** Commit position of the last event in streams whose names begin with one of the prefixes; -1 where there is none. Throws EventStoreUnavailable. */
  async headPosition(streamPrefixes: readonly string[]): Promise<bigint> {
    for await (const [last] of this.readPage('the end of $all', encodeLastRead(streamPrefixes))) return positionOf(last) ?? -1n;
    return -1n;
  }

  /** A stream forwards, its events as the texts that are stored. Throws EventStoreUnavailable. */
  async *readRaw(stream: string): AsyncGenerator<RawEvent> {
    for await (const batch of this.readPage(stream, encodeStreamRead(stream, 0n, 'forwards'))) yield* batch.map(decodeRawEvent);
  }

  private async *readPage(what: string, request: Buffer): AsyncGenerator<readonly Buffer[]> {
    let call: ReadCall | undefined;
    try {
      call = await this.withinTimeout(openCall(this.client, 'read', request));
      yield* pageOf(call);
    } catch (error) {
      throw new EventStoreUnavailable(`reading ${what}`, error);
    } finally {
      end(call);
    }
  }

  /** Whether the store answers a read now. */
  async isReachable(): Promise<boolean> {
    try {
      for await (const _ of this.read('health')) break;
      return true;
    } catch {
      return false;
    }
  }

  /** Cancels what is open. The client waits for streams that it has cancelled and that never say so: bounded here. */
  async close(): Promise<void> {
    await Promise.race([this.client.dispose(), delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  private async withinTimeout(opening: Promise<unknown>): Promise<ReadCall> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no connection within ${this.timeoutMs} ms`)), this.timeoutMs).unref();
    });
    try {
      return (await Promise.race([opening, late])) as ReadCall;
    } finally {
      // One that runs on would keep the call, and all that it has read, in memory until its end.
      clearTimeout(timer);
    }
  }
}

/** Gathers the messages of a subscription into batches. While a batch waits to be taken, the server is not read from. */
async function* batchesOf(
  call: ReadCall,
  after: bigint,
  batchMax: number,
  signal: AbortSignal,
  recent: RecentEvents,
): AsyncGenerator<EventBatch> {
  let events: StoredEvent[] = [];
  let position = after;
  let reported = after;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const woken = () => wake?.();
  const over = (error?: Error) => {
    failure ??= error ?? new Error('the event store ended the subscription');
    woken();
  };
  call.on('data', (bytes: Buffer) => {
    const message = decodeReadMessage(bytes, recent);
    if (message.is === 'other') return;
    if (message.is === 'event') events.push(message.event);
    position = message.is === 'event' ? message.event.position : message.position;
    if (events.length >= batchMax) call.pause();
    woken();
  });
  call.on('error', over).on('end', over).on('close', over);
  signal.addEventListener('abort', woken, { once: true });
  try {
    while (!signal.aborted) {
      if (position > reported) {
        reported = position;
        const batch = { events, position };
        events = [];
        yield batch;
        call.resume();
      } else if (failure) {
        throw failure;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        // A whole frame of messages is there after this turn of the loop.
        await nextTurn();
      }
    }
  } finally {
    signal.removeEventListener('abort', woken);
  }
}

/** Gathers the event messages of a read that ends. While a batch waits to be taken, the server is not read from. */
async function* pageOf(call: ReadCall): AsyncGenerator<readonly Buffer[]> {
  let batch: Buffer[] = [];
  let ended = false;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const over = (error?: Error) => {
    ended = true;
    failure ??= error;
    wake?.();
  };
  call.on('data', (bytes: Buffer) => {
    if (!isEventMessage(bytes)) return;
    batch.push(bytes);
    if (batch.length >= BATCH_EVENTS_MAX) call.pause();
    wake?.();
  });
  call.on('error', over).on('end', over);
  for (;;) {
    if (batch.length > 0) {
      const full = batch;
      batch = [];
      yield full;
      call.resume();
    } else if (failure) {
      throw failure;
    } else if (ended) {
      return;
    } else {
      const silence = setTimeout(() => over(new Error(`nothing came for ${SEARCH_TIMEOUT_MS} ms`)), SEARCH_TIMEOUT_MS);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      clearTimeout(silence);
      // A whole frame of messages is there after this turn of the loop.
      await nextTurn();
    }
  }
}

/** Field 1 of ReadResp, the event, as a length-delimited field. */
const EVENT_TAG = 0x0a;
const isEventMessage = (bytes: Buffer): boolean => bytes[0] === EVENT_TAG;
function positionOf(bytes: Buffer | undefined): bigint | undefined {
  const message = bytes && decodeReadMessage(bytes);
  return message?.is === 'event' ? message.event.position : undefined;
}
const isAt = (bytes: Buffer | undefined, position: bigint): boolean => positionOf(bytes) === position;

/** Cancels a call; the error that this makes is nobody's business. */
function end(call: ReadCall | undefined): void {
  call?.on('error', () => undefined).cancel();
}
