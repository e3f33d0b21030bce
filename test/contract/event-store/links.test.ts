/** Events of type `$>` stand for others. They come as they are, or with what they stand for, where a reader asks for that. */
import { type AllStreamResolvedEvent, type LinkEvent, type Position, type ResolvedEvent } from '@eventstore/db-client';
import { beforeAll, describe, expect, test } from '@jest/globals';
import {
  backwards,
  collect,
  eventStoreUnderTest,
  link,
  linkTo,
  newStream,
  nOf,
  numbered,
  numbers,
  positionNow,
  readAllOf,
  readEvents,
  take,
} from '../../support/event-store-under-test.js';

const store = eventStoreUnderTest();

const target = newStream('target');
const awkward = newStream('100@target, ☂@');
const deleted = newStream('target');
const tombstoned = newStream('target');
const short = newStream('target');
const links = newStream('links');
let before: Position;

beforeAll(async () => {
  const { client } = store;
  for (const stream of [target, awkward, deleted, tombstoned, short]) await client.appendToStream(stream, numbers(0, 2));
  await client.deleteStream(deleted);
  await client.tombstoneStream(tombstoned);
  await client.setStreamMetadata(short, { maxCount: 1 });
  before = await positionNow(client);
  await client.appendToStream(links, [
    linkTo(2, target),
    linkTo(0, target),
    linkTo(3, target),
    numbered(9),
    linkTo(1, awkward),
    linkTo(0, newStream()),
    linkTo(0, deleted),
    linkTo(0, tombstoned),
    linkTo(0, short),
    linkTo(2, short),
    linkTo(0, links),
  ]);
});

/** What is shown for each event of `links`: whether a link, and the stream and the number of the event, if there is one. */
const RESOLVED = [
  ['link', target, 2],
  ['link', target, 0],
  ['link', undefined],
  ['event', links, 9],
  ['link', awkward, 1],
  ['link', undefined],
  ['link', undefined],
  ['link', undefined],
  ['link', undefined],
  ['link', short, 2],
  ['link', links, '$>'],
];

const shown = ({ event, link: by }: ResolvedEvent) => [
  by ? 'link' : 'event',
  event?.streamId,
  ...(event ? [nOf(event) ?? event.type] : []),
];

describe('links', () => {
  test('come as they are unless the reader asks for more', async () => {
    const events = await collect(store.client.readStream<LinkEvent>(links));
    expect(events.every((resolved) => resolved.link === undefined)).toBe(true);
    expect(events.map(({ event }) => event?.type === '$>')).toEqual(RESOLVED.map((_, index) => index !== 3));
    expect(Buffer.from(events[0]?.event?.data as unknown as Uint8Array).toString()).toBe(`2@${target}`);
  });

  test('come with what they stand for, if that is still to be read', async () => {
    expect((await collect(store.client.readStream(links, { resolveLinkTos: true }))).map(shown)).toEqual(RESOLVED);
  });

  test('come so backwards too', async () => {
    const events = await collect(store.client.readStream(links, { ...backwards, resolveLinkTos: true }));
    expect(events.map(shown).reverse()).toEqual(RESOLVED);
  });

  test('come so in $all', async () => {
    expect((await readAllOf(store.client, before, [links], { resolveLinkTos: true })).map(shown)).toEqual(RESOLVED);
  });

  test('come so to the subscribers of their stream', async () => {
    const subscription = store.client.subscribeToStream(links, { resolveLinkTos: true });
    expect((await take(subscription, RESOLVED.length)).map(shown)).toEqual(RESOLVED);
    await subscription.unsubscribe();
  });

  test('come so to the subscribers of $all, stored and live', async () => {
    const { client } = store;
    const [source, live] = [newStream(), newStream()];
    await client.appendToStream(source, numbers(0, 1));
    const fromPosition = await positionNow(client);
    await client.appendToStream(live, linkTo(0, source));
    const subscription = client.subscribeToAll({ fromPosition, resolveLinkTos: true });
    const isLive = ({ event, link: by }: AllStreamResolvedEvent) => (by ?? event)?.streamId === live;
    const stored = await take(subscription, 1, isLive);
    await client.appendToStream(live, [linkTo(1, source), linkTo(2, source)]);
    expect([...stored, ...(await take(subscription, 2, isLive))].map(shown)).toEqual([
      ['link', source, 0],
      ['link', source, 1],
      ['link', undefined],
    ]);
    await subscription.unsubscribe();
  });
});

test('the event of a link is the event itself, and the link stands beside it', async () => {
  const { client } = store;
  const [trueEvent] = await readEvents(client, target, { fromRevision: 2n });
  const [ofStream] = await collect(client.readStream(links, { resolveLinkTos: true, maxCount: 1 }));
  const [ofAll] = await readAllOf(client, before, [links], { resolveLinkTos: true });
  const [asIs] = await readEvents(client, links, { maxCount: 1 });
  for (const resolved of [ofStream, ofAll]) {
    expect(resolved?.event).toEqual(trueEvent);
    expect(resolved?.link).toEqual(asIs);
    expect(resolved?.commitPosition).toBe(asIs?.position?.commit);
  }
});

test('a subscriber of links goes on from the revision of a link', async () => {
  const subscription = store.client.subscribeToStream(links, { fromRevision: 8n, resolveLinkTos: true });
  const events = await take(subscription, 2);
  expect(events.map((event) => event.link?.revision)).toEqual([9n, 10n]);
  await subscription.unsubscribe();
});

test('a link keeps its own metadata', async () => {
  const { client } = store;
  const stream = newStream();
  await client.appendToStream(stream, { ...linkTo(0, target), metadata: { $causedBy: 'someone' } } as never);
  const [resolved] = await collect(client.readStream(stream, { resolveLinkTos: true }));
  expect([resolved?.link?.metadata, nOf(resolved?.event)]).toEqual([{ $causedBy: 'someone' }, 0]);
});

test('what is called a link and names no event is shown as it is, or as a link to nothing', async () => {
  const stream = newStream();
  await store.client.appendToStream(stream, [link('no number'), link(`1.5@${target}`), link(''), link('7')]);
  expect((await collect(store.client.readStream(stream, { resolveLinkTos: true }))).map(shown)).toEqual([
    ['event', stream, '$>'],
    ['event', stream, '$>'],
    ['event', stream, '$>'],
    ['link', undefined],
  ]);
});

test('a link to revision -1 stands for what is newest when it is read', async () => {
  const [linked, stream] = [newStream(), newStream()];
  await store.client.appendToStream(linked, numbers(0, 2));
  await store.client.appendToStream(stream, linkTo(-1, linked));
  const newest = async () => nOf((await collect(store.client.readStream(stream, { resolveLinkTos: true })))[0]?.event);
  expect(await newest()).toBe(2);
  await store.client.appendToStream(linked, numbered(3));
  expect(await newest()).toBe(3);
});
