import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type AppendExpectedRevision,
  ErrorType,
  type EventData,
  EventStoreDBClient,
  type RecordedEvent,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import type { EventMetadata, EventToAppend } from './envelope.js';
import { AppendOutcomeUnknown, AppendRefused, EventStoreUnavailable, WrongExpectedRevision } from './errors.js';

/** An event as the store holds it. `position` is the commit position in `$all`. */
export interface StoredEvent<Data = unknown> {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly data: Data;
  readonly metadata: EventMetadata;
}

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

export interface AppendCounters {
  appends: number;
  events: number;
}

/** The client ends its calls after this long on the server only; the same bound is enforced here with our own timer. */
const CALL_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 500;

/**
 * The one door to EventStoreDB. It turns the client's errors into what a writer must know: it did not happen
 * (WrongExpectedRevision, AppendRefused), or nobody knows (AppendOutcomeUnknown). One instance per process: client 6.2.1 keeps
 * one table of pending appends for all of its instances.
 */
export class EventStore {
  readonly counters: AppendCounters = { appends: 0, events: 0 };
  private readonly client: EventStoreDBClient;

  constructor(
    connectionString: string,
    private readonly timeoutMs = CALL_TIMEOUT_MS,
  ) {
    this.client = EventStoreDBClient.connectionString(connectionString);
  }

  /**
   * Appends events to a stream in one atomic write; resolves when they are durable.
   * @param expectedRevision revision of the stream's last event, or -1n where the stream must not exist
   */
  async append(stream: string, events: readonly EventToAppend[], expectedRevision: bigint): Promise<Appended> {
    const expected: AppendExpectedRevision = expectedRevision < 0n ? 'no_stream' : expectedRevision;
    try {
      const result = await this.within(
        this.client.appendToStream(stream, events.map(asClientEvent), { expectedRevision: expected, deadline: this.timeoutMs }),
      );
      this.counters.appends += 1;
      this.counters.events += events.length;
      return { revision: result.nextExpectedRevision, position: result.position?.commit ?? -1n };
    } catch (error) {
      throw classifyAppendError(stream, error);
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

  /** Reads a stream forwards from a revision. A stream that does not exist yields nothing. */
  async *read(stream: string, fromRevision: bigint = 0n): AsyncGenerator<StoredEvent> {
    const reading = this.client.readStream(stream, { fromRevision, deadline: 600_000 });
    const events = reading[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.within(events.next());
        if (next.done) return;
        if (next.value.event) yield asStoredEvent(next.value.event);
      }
    } catch (error) {
      if ((error as { type?: string }).type === ErrorType.STREAM_NOT_FOUND) return;
      throw new EventStoreUnavailable(`reading ${stream}`, error);
    } finally {
      reading.destroy();
    }
  }

  /**
   * Follows `$all`, filtered on the server by the prefix of the stream's name: history first, then live, without gap or
   * repetition. Yields what has arrived, at most `batchMax` events at a time, and then progress without events. Throws
   * EventStoreUnavailable where the subscription breaks: subscribe again from the last position.
   */
  async *subscribe(options: {
    streamPrefixes: readonly string[];
    after: bigint | undefined;
    batchMax: number;
    signal: AbortSignal;
  }): AsyncGenerator<EventBatch> {
    const progress: { position: bigint; wake: (() => void) | undefined } = { position: options.after ?? -1n, wake: undefined };
    const subscription = this.client.subscribeToAll(
      {
        fromPosition: options.after === undefined ? START : { commit: options.after, prepare: options.after },
        filter: streamNameFilter({
          prefixes: [...options.streamPrefixes],
          checkpointInterval: 1,
          maxSearchWindow: 1_000,
          checkpointReached: async (_subscription, position) => {
            progress.position = position.commit;
            progress.wake?.();
          },
        }),
      },
      { highWaterMark: options.batchMax },
    );
    yield* batches(subscription, progress, options);
  }

  /** Cancels what is open. The client waits for streams that it has cancelled and that never say so: bounded here. */
  async close(): Promise<void> {
    await Promise.race([this.client.dispose(), delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  /** The client's own deadline does not fire while the server is frozen (measured); this one does. */
  private async within<T>(call: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
    });
    try {
      return await Promise.race([call, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function* batches(
  subscription: AllStreamSubscription,
  progress: { position: bigint; wake: (() => void) | undefined },
  { batchMax, signal }: { batchMax: number; signal: AbortSignal },
): AsyncGenerator<EventBatch> {
  let failure: unknown;
  let ended = false;
  let reported = progress.position;
  const wake = () => progress.wake?.();
  const stop = () => subscription.destroy();
  subscription.on('readable', wake);
  subscription.on('error', (error) => {
    failure = error;
    wake();
  });
  subscription.on('close', () => {
    ended = true;
    wake();
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!signal.aborted) {
      const events: StoredEvent[] = [];
      while (events.length < batchMax) {
        const resolved = subscription.read() as AllStreamResolvedEvent | null;
        if (!resolved) break;
        if (resolved.event) events.push(asStoredEvent(resolved.event as RecordedEvent));
      }
      const last = events.at(-1);
      if (last) {
        reported = last.position;
        yield { events, position: last.position };
      } else if (progress.position > reported) {
        reported = progress.position;
        yield { events, position: reported };
      } else if (failure || ended) {
        throw new EventStoreUnavailable('the subscription ended', failure);
      } else {
        await new Promise<void>((resolve) => {
          progress.wake = resolve;
        });
        // The client hands over one event at a time; after this turn of the loop a whole frame of them is there.
        await nextTurn();
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    subscription.destroy();
  }
}

function asClientEvent(event: EventToAppend): EventData {
  return {
    id: event.id,
    type: event.type,
    contentType: 'application/json',
    data: event.data as never,
    // Bytes go out as they are; an object would be stringified and passed through base64 by the client.
    metadata: new Uint8Array(Buffer.from(JSON.stringify(event.metadata))) as never,
  };
}

function asStoredEvent(event: RecordedEvent): StoredEvent {
  return {
    id: event.id,
    type: event.type,
    stream: event.streamId,
    revision: event.revision,
    position: event.position?.commit ?? -1n,
    data: event.data,
    metadata: event.metadata as unknown as EventMetadata,
  };
}

function classifyAppendError(stream: string, error: unknown): Error {
  switch ((error as { type?: string }).type) {
    case ErrorType.WRONG_EXPECTED_VERSION:
      return new WrongExpectedRevision(stream);
    case ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED:
    case ErrorType.STREAM_DELETED:
    case ErrorType.ACCESS_DENIED:
    case ErrorType.INVALID_ARGUMENT:
      return new AppendRefused(stream, error);
    default:
      return new AppendOutcomeUnknown(stream, error);
  }
}
