/**
 * The event store that the contract suite asks, through the client's public API alone: the one that EVENTSTORE_URL names, or else
 * a node of ours, started for the test file. Others may write to it at the same time, so every stream name is new.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  type AllStreamRecordedEvent,
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type AppendResult,
  BACKWARDS,
  binaryEvent,
  type DeleteResult,
  END,
  EventStoreDBClient,
  jsonEvent,
  type Position,
  type RecordedEvent,
  type ResolvedEvent,
  type StreamSubscription,
} from '@eventstore/db-client';
import { afterAll, beforeAll } from '@jest/globals';
import { startTemporaryNode, type TemporaryNode } from './event-store-node.js';

const EVENTSTORE_URL = process.env.EVENTSTORE_URL || undefined;

/** Whether the store is a node of ours, on this machine's clock. */
export const isOwnNode: boolean = EVENTSTORE_URL === undefined;

const userInfo = /^[^:]+:\/\/([^/@:]+):([^/@]+)@/.exec(EVENTSTORE_URL ?? '');

/** Where the store runs without security, the client does not even send them. */
export const credentials = {
  username: decodeURIComponent(userInfo?.[1] ?? 'admin'),
  password: decodeURIComponent(userInfo?.[2] ?? 'changeit'),
};

/** The client has two ways to append: it takes the call of its own, `Append`, when it is given credentials. */
export const APPEND_CALLS = [
  { call: 'BatchAppend', options: {} },
  { call: 'Append', options: { credentials } },
] as const;

export interface EventStoreUnderTest {
  readonly client: EventStoreDBClient;
  readonly connectionString: string;
  /** One more connection, with settings beside those of the connection string; closed at the end. */
  connect(settings?: Readonly<Record<string, string>>, from?: string): EventStoreDBClient;
}

/** To be called at the top of a test file: the store is there while its tests run. */
export function eventStoreUnderTest(): EventStoreUnderTest {
  const clients: EventStoreDBClient[] = [];
  let node: TemporaryNode | undefined;
  const store: EventStoreUnderTest & { client: EventStoreDBClient; connectionString: string } = {
    client: undefined as unknown as EventStoreDBClient,
    connectionString: '',
    connect: (settings = {}, from = store.connectionString) => {
      const query = new URLSearchParams(settings).toString();
      const client = EventStoreDBClient.connectionString(query ? `${from}${from.includes('?') ? '&' : '?'}${query}` : from);
      clients.push(client);
      return client;
    },
  };
  beforeAll(async () => {
    if (EVENTSTORE_URL === undefined) node = await startTemporaryNode();
    store.connectionString = EVENTSTORE_URL ?? (node as TemporaryNode).connectionString;
    store.client = store.connect();
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.dispose()));
    await node?.dispose();
  });
  return store;
}

export const newStream = (category = 'contract'): string => `${category}-${randomUUID()}`;

export const numbered = (n: number, type = 'Numbered') => jsonEvent({ type, data: { n } });

/** From `from` up to and including `to`. */
export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

export const numbers = (from: number, to: number, type?: string) => range(from, to).map((n) => numbered(n, type));

/** An event of about this many bytes. */
export const wide = (n: number, bytes: number) => jsonEvent({ type: 'Wide', data: { n, text: 'x'.repeat(bytes) } });

/** An event that stands for another one. */
export const linkTo = (revision: number, streamName: string) => link(`${revision}@${streamName}`);

export const link = (data: string) => binaryEvent({ type: '$>', data: Uint8Array.from(Buffer.from(data)) });

/** The number in the data of an event made by `numbered`; undefined for other events. */
export const nOf = (event: { readonly data: unknown } | undefined): number | undefined =>
  (event?.data as { n?: number } | undefined)?.n;

export const ns = (events: readonly ResolvedEvent[]): (number | undefined)[] => events.map(({ event }) => nOf(event));

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

type ReadOptions = Parameters<EventStoreDBClient['readStream']>[1];

export async function readEvents(client: EventStoreDBClient, stream: string, options?: ReadOptions): Promise<RecordedEvent[]> {
  return (await collect(client.readStream(stream, options))).map(({ event }) => event as RecordedEvent);
}

export async function readNs(client: EventStoreDBClient, stream: string, options?: ReadOptions): Promise<(number | undefined)[]> {
  return (await readEvents(client, stream, options)).map(nOf);
}

export const backwards = { direction: BACKWARDS, fromRevision: END } as const;

/** A place in $all that everything appended from now on lies behind. */
export async function positionNow(client: EventStoreDBClient): Promise<Position> {
  const { position } = await client.appendToStream(newStream('marker'), numbered(-1, 'Marker'));
  return position as Position;
}

/** What was appended to these streams after a position, and to no other. */
export async function readAllOf(
  client: EventStoreDBClient,
  fromPosition: Position,
  streams: readonly string[],
  options: { readonly resolveLinkTos?: boolean } = {},
): Promise<AllStreamResolvedEvent[]> {
  const events = await collect(client.readAll({ fromPosition, ...options }));
  return events.filter(({ event, link }) => streams.includes((link ?? (event as AllStreamRecordedEvent)).streamId));
}

type Subscription = StreamSubscription | AllStreamSubscription;

/** The next `count` events of a subscription that are wanted; it is left paused. Rejects when the subscription fails first. */
export async function take(
  subscription: Subscription,
  count: number,
  isWanted: (event: AllStreamResolvedEvent) => boolean = () => true,
): Promise<AllStreamResolvedEvent[]> {
  const events: AllStreamResolvedEvent[] = [];
  while (events.length < count) {
    const event = subscription.read() as AllStreamResolvedEvent | null;
    if (!event) await once(subscription, 'readable');
    else if (isWanted(event)) events.push(event);
  }
  return events;
}

/** The error that a subscription or a read ends with. Its events are passed over. */
export async function failureOf(reading: NodeJS.EventEmitter): Promise<Error> {
  reading.on('data', () => {});
  const [error] = await once(reading, 'error');
  return error as Error;
}

/** The outcome of an append or a deletion, in a line. */
export async function outcomeOf(writing: Promise<AppendResult | DeleteResult>): Promise<string> {
  try {
    const result = await writing;
    return 'nextExpectedRevision' in result ? `written up to ${result.nextExpectedRevision}` : 'done';
  } catch (error) {
    const { type, expectedVersion, actualVersion } = error as Record<string, unknown>;
    return type === 'wrong-expected-version' ? `expected ${expectedVersion}, is at ${actualVersion}` : String(type ?? error);
  }
}
