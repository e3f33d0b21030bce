/**
 * What somebody with access to the store's files could make of a ledger. The log cannot be edited through its API, so every event
 * is copied, with its bytes, into a second node, changed on the way.
 */
import { canonicalJson } from '../../src/event-store/canonical-json.js';
import { type EventMetadata, type EventToAppend, eventId, GENESIS_HASH, hashEvent } from '../../src/event-store/envelope.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { startTemporaryNode } from './event-store-node.js';

/** An event as it is copied; its revision and its position follow from its place in the list. */
export interface CopiedEvent {
  readonly stream: string;
  readonly type: string;
  readonly data: object;
  readonly metadata: EventMetadata;
}

export type Tampering = (events: CopiedEvent[]) => CopiedEvent[];

export interface TamperedStore {
  readonly connectionString: string;
  readonly store: EventStore;
  dispose(): Promise<void>;
}

/** Every event of `$all`, of all streams, in order. */
export async function allEvents(store: EventStore): Promise<StoredEvent<object>[]> {
  const events: StoredEvent<object>[] = [];
  for await (const event of store.readAll({ streamPrefixes: [''], after: undefined })) events.push(event as StoredEvent<object>);
  return events;
}

/** A second node with the events of a store, in order and at the same positions, as far as the tampering leaves them. */
export async function tamperedStore(source: EventStore, tamper: Tampering = (events) => events): Promise<TamperedStore> {
  const copied = (await allEvents(source)).map(({ stream, type, data, metadata }) => ({ stream, type, data, metadata }));
  const node = await startTemporaryNode();
  const store = new EventStore(node.connectionString);
  const dispose = async () => {
    await store.close();
    await node.dispose();
  };
  const revisions = new Map<string, bigint>();
  for (const { stream, ...event } of tamper(copied)) {
    const revision = revisions.get(stream) ?? -1n;
    await store.append(stream, [asStored(event)], revision);
    revisions.set(stream, revision + 1n);
  }
  return { connectionString: node.connectionString, store, dispose };
}

/**
 * Links all streams with one of these prefixes anew, as a forger would who knows how: then no hash chain shows what was done.
 * Checkpoints keep their bytes unless their stream is named.
 */
export function resealed(events: readonly CopiedEvent[], prefixes: readonly string[] = ['account-', 'price-']): CopiedEvent[] {
  const heads = new Map<string, { revision: bigint; hash: string }>();
  return events.map((event) => {
    if (!prefixes.some((prefix) => event.stream.startsWith(prefix))) return event;
    const head = heads.get(event.stream) ?? { revision: -1n, hash: GENESIS_HASH };
    const { hash: _, ...rest } = event.metadata;
    const revision = head.revision + 1n;
    const metadata = { ...rest, previousHash: head.hash };
    const hash = hashEvent({ ...event, revision }, metadata);
    heads.set(event.stream, { revision, hash });
    return { ...event, metadata: { ...metadata, hash } };
  });
}

/** The same list with the event at `index` changed. */
export const edited = (events: readonly CopiedEvent[], index: number, change: Partial<CopiedEvent>): CopiedEvent[] =>
  events.map((event, at) => (at === index ? { ...event, ...change } : event));

/**
 * The same list without the event at `index`. In a file, what comes after it would keep its position: so something that nobody
 * reads takes its place.
 */
export const dropped = (events: readonly CopiedEvent[], index: number): CopiedEvent[] =>
  edited(events, index, { stream: `dropped-${index}` });

/** The same list with two events in each other's place. */
export function swapped(events: readonly CopiedEvent[], one: number, other: number): CopiedEvent[] {
  return events.map((event, at) => (at === one ? events[other] : at === other ? events[one] : event) as CopiedEvent);
}

/** Canonical JSON, as the bytes were: nobody else's event has another form. */
const asStored = ({ type, data, metadata }: Omit<CopiedEvent, 'stream'>): EventToAppend => ({
  id: eventId(metadata.hash),
  type,
  hash: metadata.hash,
  dataJson: canonicalJson(data),
  metadataJson: canonicalJson(metadata),
});
