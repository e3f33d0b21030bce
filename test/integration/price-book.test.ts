import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { type Cause, GENESIS_HASH, hashEvent } from '../../src/event-store/envelope.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import type { PublishModel } from '../../src/pricing/domain/publish-model.js';
import { costOf, type PricedModel, withRequest } from '../../src/pricing/index.js';
import { PriceBook } from '../../src/pricing/price-book.js';
import { SEED_CATALOGUE, seedCause } from '../../src/pricing/seed.js';

const DAY = 86_400_000;

let dataDir: string;
let node: EventStoreNode;
let store: EventStore;
let books: PriceBook[];
let now: number;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'price-book-'));
  node = await startEventStoreNode({ dataDir });
  store = new EventStore(node.connectionString);
  books = [];
  now = Date.parse('2026-01-10T00:00:00.000Z');
});

afterEach(async () => {
  await Promise.all(books.map((book) => book.close()));
  await store.close();
  await node.close();
  await rm(dataDir, { recursive: true });
});

/** A book as another process would have it. */
async function openBook(): Promise<PriceBook> {
  const book = new PriceBook(store, { now: () => now });
  books.push(book);
  await book.load();
  return book;
}

const model = (prompt: string, more: Partial<PublishModel['catalogue']> = {}): PublishModel => ({
  catalogue: {
    id: 'acme/one',
    aliases: ['one-2026'],
    name: 'One',
    description: '',
    contextLength: 1000,
    maxCompletionTokens: 100,
    inputModalities: ['text'],
    outputModalities: ['text'],
    supportedParameters: ['max_tokens'],
    tokenizer: 'Other',
    imageTokensMax: 100,
    routes: [{ provider: 'demo', upstreamModel: 'one' }],
    ...more,
  },
  prices: { prompt, completion: '0.000002' },
});

let commands = 0;
const cause = (): Cause => ({
  commandId: `command-${++commands}`,
  correlationId: 'test',
  actor: { type: 'administrator', id: 'test' },
});

async function eventsOf(stream: string): Promise<StoredEvent<object>[]> {
  const events: StoredEvent<object>[] = [];
  for await (const event of store.read(stream)) events.push(event as StoredEvent<object>);
  return events;
}

/** Waits for the live subscription of a book: asks on every turn of the event loop, without a time of its own. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a published model', () => {
  test('answers to its names, and to no other', async () => {
    const book = await openBook();
    await book.publish(model('0.000001'), cause());
    const found = ['acme/one', 'one', 'one-2026', 'acme/one-2026', 'acme/two', 'uno'].map(
      (name) => book.resolve(name)?.priceVersion,
    );
    expect(found).toEqual(['acme/one@1', 'acme/one@1', 'acme/one@1', 'acme/one@1', undefined, undefined]);
    expect(book.resolve('one')).toMatchObject({ id: 'acme/one', pricing: { prompt: '0.000001' }, formulaVersion: 'usage@2' });
  });

  test('is there after a restart', async () => {
    await (await openBook()).publish(model('0.000001'), cause());
    const reopened = await openBook();
    expect(reopened.list().map((each) => each.priceVersion)).toEqual(['acme/one@1']);
  });

  test('reaches the other processes, new prices and new models', async () => {
    const [here, there] = [await openBook(), await openBook()];
    await here.publish(model('0.000001'), cause());
    await until(() => there.resolve('one')?.priceVersion === 'acme/one@1');
    await here.publish(model('0.000003'), cause());
    await until(() => there.resolve('one')?.priceVersion === 'acme/one@2');
    await here.publish(model('0.000001', { id: 'acme/two', aliases: [] }), cause());
    await until(() => there.resolve('acme/two') !== undefined);
    expect(there.list()).toEqual(here.list());
  });

  test('takes its scheduled price when the time has come', async () => {
    const book = await openBook();
    await book.publish(model('0.000001'), cause());
    const before = book.list();
    const publication = await book.publish({ ...model('0.000009'), effectiveAt: now + DAY }, cause());
    expect(publication).toMatchObject({ model: { priceVersion: 'acme/one@2' } });
    expect([book.resolve('one')?.priceVersion, book.list()]).toEqual(['acme/one@1', before]);
    now += DAY;
    expect([book.resolve('one')?.priceVersion, book.list()[0]?.priceVersion]).toEqual(['acme/one@2', 'acme/one@2']);
  });

  test('is not offered before its first price is in force', async () => {
    const book = await openBook();
    await book.publish({ ...model('0.000001'), effectiveAt: now + DAY }, cause());
    expect([book.resolve('one'), book.list()]).toEqual([undefined, []]);
  });

  test('keeps its names: another model cannot ask for them', async () => {
    const book = await openBook();
    await book.publish(model('0.000001'), cause());
    const second = (aliases: string[], id = 'acme/two') => book.publish(model('0.000001', { id, aliases }), cause());
    expect([await second(['two', 'one']), await second(['acme/one-2026']), await second([], 'acme/one-2026')]).toEqual([
      { rejection: { reason: 'alias_taken', field: 'aliases[1]', takenBy: 'acme/one' } },
      { rejection: { reason: 'alias_taken', field: 'aliases[0]', takenBy: 'acme/one' } },
      { rejection: { reason: 'alias_taken', field: 'slug', takenBy: 'acme/one' } },
    ]);
    expect(await eventsOf('models')).toHaveLength(1);
  });
});

describe('the streams', () => {
  test('hold each publication once, in a hash chain', async () => {
    const book = await openBook();
    const first = cause();
    await book.publish(model('0.000001'), first);
    await book.publish(model('0.000001'), cause());
    await book.publish(model('0.000003'), cause());
    await book.publish(model('0.000001'), first);
    const events = await eventsOf('price-acme/one');
    expect(events.map((event) => event.type)).toEqual(['ModelPublished', 'PricesPublished', 'PricesPublished']);
    let previousHash = GENESIS_HASH;
    for (const event of events) {
      const { hash, ...envelope } = event.metadata;
      expect(envelope.previousHash).toBe(previousHash);
      expect(hashEvent(event, envelope)).toBe(hash);
      previousHash = hash;
    }
  });

  test('take all publications of processes that race', async () => {
    const [here, there] = [await openBook(), await openBook()];
    const prices = Array.from({ length: 6 }, (_, n) => `0.00000${n + 1}`);
    await Promise.all(prices.map((price, n) => (n % 2 ? here : there).publish(model(price), cause())));
    const events = await eventsOf('price-acme/one');
    const published = events
      .filter((event) => event.type === 'PricesPublished')
      .map((event) => event.data as { priceVersion: string });
    expect(published.map((each) => each.priceVersion)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `acme/one@${n}`));
    expect((await eventsOf('models')).map((event) => event.data)).toEqual([{ model: 'acme/one' }]);
  });
});

test('prices of every kind come back as they were published, after a restart and in another process', async () => {
  const [here, there] = [await openBook(), await openBook()];
  const overrides = [
    { min_prompt_tokens: 1000, prompt: '0.000004' },
    { utc_start: 1630, utc_end: 30, utc_days: ['friday' as const], prompt: '0.0000005', request: '0' },
  ];
  const fees = { ...model('0.000001').prices, request: '0.01', web_search: '0.02', input_audio_cache: '0', image_output: '1' };
  await here.publish({ ...model('0.000001'), prices: { ...fees, overrides } }, cause());
  await until(() => there.resolve('one') !== undefined);
  const friday = Date.parse('2026-01-09T23:00:00.000Z');
  for (const book of [here, there, await openBook()]) {
    const found = book.resolve('one') as PricedModel;
    expect([found.pricing, found.formulaVersion]).toEqual([{ ...fees, overrides }, 'usage@2']);
    const cost = (at: number) => costOf(withRequest({ input_uncached: 2 }, found.prices), found.prices, at).rounded;
    expect([cost(friday), cost(friday + DAY)]).toEqual([1_000n, 10_002_000n]);
  }
});

describe('the seed', () => {
  test('gives way to a model that has its names already', async () => {
    const book = await openBook();
    await book.publish(model('0.000001', { aliases: ['gpt-4.1', 'gpt-4o-2024-08-06'] }), cause());
    const refused = await book.publishMissing(SEED_CATALOGUE, seedCause);
    expect(refused).toEqual([{ reason: 'alias_taken', field: 'aliases[0]', takenBy: 'acme/one' }]);
    const found = ['gpt-4.1', 'openai/gpt-4.1', 'openai/gpt-4o'].map((name) => book.resolve(name)?.id);
    expect(found).toEqual(['acme/one', 'openai/gpt-4.1', undefined]);
  });

  test('is published once, by however many processes, and never over a later publication', async () => {
    const [here, there] = [await openBook(), await openBook()];
    await Promise.all([here, there].map((book) => book.publishMissing(SEED_CATALOGUE, seedCause)));
    await here.publish({ ...(SEED_CATALOGUE[0] as PublishModel), prices: { prompt: '0.5', completion: '0.5' } }, cause());
    const appends = store.counters.appends;
    const reopened = await openBook();
    await reopened.publishMissing(SEED_CATALOGUE, seedCause);
    expect(store.counters.appends).toBe(appends);
    expect(reopened.list().map((each) => each.priceVersion)).toEqual(
      SEED_CATALOGUE.map(({ catalogue: { id } }, index) => `${id}@${index === 0 ? 2 : 1}`),
    );
    expect(reopened.thinkingModels()).toEqual([
      'claude-3-7-sonnet-20250219',
      'claude-sonnet-4',
      'claude-sonnet-4.5',
      'claude-haiku-4.5',
      'claude-opus-4.5',
      'claude-opus-4.6',
      'claude-sonnet-4.6',
      'gemini-2.5-flash',
      'gemini-2.5-pro',
    ]);
  });
});

test('processes that start at once publish the same models, each once, and all of them know the prices', async () => {
  const starters = await Promise.all(Array.from({ length: 8 }, openBook));
  const refused = await Promise.all(starters.map((book) => book.publishMissing(SEED_CATALOGUE, seedCause)));
  expect(refused.flat()).toEqual([]);
  for (const book of starters) {
    expect(book.list().map(({ priceVersion }) => priceVersion)).toEqual(SEED_CATALOGUE.map(({ catalogue: { id } }) => `${id}@1`));
  }
});

test('a book that has heard the first half of a publication hears the other before it answers a repetition', async () => {
  const [command, again] = [model('0.000001'), cause()];
  await (await openBook()).publish(command, again);
  const late = new PriceBook(store, { now: () => now });
  for (const stream of ['models', 'price-acme/one']) late['apply']((await eventsOf(stream))[0] as StoredEvent);
  expect(late.resolve('one')).toBeUndefined();
  expect(await late.publish(command, again)).toMatchObject({ model: { priceVersion: 'acme/one@1' } });
});

test('a book goes on when the event store comes back', async () => {
  const { port } = node;
  const there = await openBook();
  await node.close();
  node = await startEventStoreNode({ dataDir, port });
  const here = await openBook();
  await here.publish(model('0.000001'), cause());
  await until(() => there.resolve('one') !== undefined);
});

test('an answer that is lost on the way does not publish twice', async () => {
  const line = await openLine(node.port);
  const remote = new EventStore(`esdb://127.0.0.1:${line.port}?tls=false`);
  const book = new PriceBook(remote, { now: () => now });
  await book.publish(model('0.000001'), cause());
  line.cutAtNextAnswer();
  expect(await book.publish(model('0.000003'), cause())).toMatchObject({ model: { priceVersion: 'acme/one@2' } });
  expect(line.cuts()).toBe(1);
  expect((await eventsOf('price-acme/one')).map((event) => event.type)).toEqual([
    'ModelPublished',
    'PricesPublished',
    'PricesPublished',
  ]);
  await remote.close();
  line.close();
});

/** A TCP line to the node that breaks when told to: the node has heard the request, the client does not hear the answer. */
async function openLine(port: number) {
  let armed = false;
  let cuts = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (!armed) return client.write(bytes);
      armed = false;
      cuts += 1;
      return end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cutAtNextAnswer: () => {
      armed = true;
    },
    cuts: () => cuts,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
