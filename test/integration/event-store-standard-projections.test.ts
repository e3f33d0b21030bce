/** `$ce-…`, `$et-…` and `$streams`, kept by a node that is asked to. */
import { rm } from 'node:fs/promises';
import { EventStoreDBClient, jsonEvent, type ResolvedEvent, StreamNotFoundError } from '@eventstore/db-client';
import { afterEach, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { temporaryDirectory } from '../support/event-store-node.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function newDirectory(): Promise<string> {
  const dataDir = await temporaryDirectory();
  closing.push(() => rm(dataDir, { recursive: true }));
  return dataDir;
}

async function start(dataDir: string, standardProjections = true): Promise<{ node: EventStoreNode; client: EventStoreDBClient }> {
  const node = await startEventStoreNode({ dataDir, standardProjections });
  const client = EventStoreDBClient.connectionString(node.connectionString);
  closing.push(async () => {
    await client.dispose();
    await node.close();
  });
  return { node, client };
}

const append = (client: EventStoreDBClient, stream: string, ...types: string[]) =>
  client.appendToStream(
    stream,
    types.map((type) => jsonEvent({ type, data: { stream } })),
  );

/** The first events of a stream, as soon as it has so many. */
async function first(client: EventStoreDBClient, stream: string, count: number): Promise<ResolvedEvent[]> {
  const events: ResolvedEvent[] = [];
  const subscription = client.subscribeToStream(stream, { resolveLinkTos: true });
  for await (const event of subscription) if (events.push(event) === count) break;
  await subscription.unsubscribe();
  return events;
}

const told = (events: ResolvedEvent[]) => events.map(({ event }) => `${event?.revision}@${event?.streamId} ${event?.type}`);
const all = async (client: EventStoreDBClient, stream: string): Promise<ResolvedEvent[]> => {
  const events: ResolvedEvent[] = [];
  for await (const event of client.readStream(stream)) events.push(event);
  return events;
};

test('every event is linked once from its category, its type, and the list of streams, in order, also over a restart', async () => {
  const dataDir = await newDirectory();
  const before = await start(dataDir, false);
  await append(before.client, 'account-1', 'Opened', 'Granted');
  await append(before.client, 'plain', 'Opened');
  await before.client.dispose();
  await before.node.close();

  const { node, client } = await start(dataDir);
  await append(client, 'account-2-b', 'Opened');
  const category = ['0@account-1 Opened', '1@account-1 Granted', '0@account-2-b Opened'];
  expect(told(await first(client, '$ce-account', 3))).toEqual(category);
  expect(told(await first(client, '$et-Opened', 3))).toEqual(['0@account-1 Opened', '0@plain Opened', '0@account-2-b Opened']);
  expect(told(await first(client, '$streams', 3))).toEqual(['0@account-1 Opened', '0@plain Opened', '0@account-2-b Opened']);
  await client.dispose();
  await node.close();

  const again = await start(dataDir);
  await append(again.client, 'account-1', 'Closed');
  expect(told(await first(again.client, '$ce-account', 4))).toEqual([...category, '2@account-1 Closed']);
  expect((await all(again.client, '$et-Opened')).map(({ event }) => event?.type)).toEqual(['$>', '$>', '$>']);
  await expect(all(again.client, '$ce-$ce')).rejects.toBeInstanceOf(StreamNotFoundError);
});

test('more events than fit in one transaction are all linked', async () => {
  const { client } = await start(await newDirectory());
  for (let index = 0; index < 20; index++) await append(client, `many-${index}`, ...Array.from({ length: 50 }, () => 'Happened'));
  const linked = await first(client, '$et-Happened', 1_000);
  expect(new Set(told(linked)).size).toBe(1_000);
});

test('a link to what is deleted shows the link alone', async () => {
  const { client } = await start(await newDirectory());
  await append(client, 'gone-1', 'Happened');
  await first(client, '$ce-gone', 1);
  await client.deleteStream('gone-1');
  const [deleted] = await first(client, '$ce-gone', 1);
  expect(deleted?.event).toBeUndefined();
  expect(Buffer.from(deleted?.link?.data as Uint8Array).toString()).toBe('0@gone-1');
});

test('a node that is not asked keeps none of them', async () => {
  const { client } = await start(await newDirectory(), false);
  await append(client, 'account-1', 'Opened');
  await expect(all(client, '$ce-account')).rejects.toBeInstanceOf(StreamNotFoundError);
});
