import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SignCheckpointJob } from '../../src/audit/checkpoints/checkpoint.job.js';
import {
  type Checkpoint,
  checkpointHash,
  keyIdOf,
  signCheckpoint,
  verifyCheckpoint,
} from '../../src/audit/checkpoints/checkpoint.js';
import { appendToCheckpointFile } from '../../src/audit/checkpoints/checkpoint-file.js';
import { openCheckpointKey } from '../../src/audit/checkpoints/checkpoint-key.js';
import {
  findCheckpointPublicKey,
  LEDGER_PREFIXES,
  leafOf,
  parsePublicKey,
  readCheckpointFile,
  readStoredCheckpoints,
  verifyCheckpoints,
} from '../../src/audit/index.js';
import { GENESIS_HASH, seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { eventually } from '../e2e/http.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { startGateway } from '../support/gateway.js';
import {
  allEvents,
  type CopiedEvent,
  dropped,
  edited,
  resealed,
  swapped,
  type Tampering,
  tamperedStore,
} from '../support/tampered-store.js';

const NOW = Date.parse('2026-03-01T00:00:00.000Z');
const { privateKey } = generateKeyPairSync('ed25519');
const publicKey = createPublicKey(privateKey);

/** Errors that were logged. */
const alarms: { msg: string; error: string; target?: string }[] = [];
beforeAll(() => Logger.overrideLogger({ log: () => undefined, warn: () => undefined, error: (line) => alarms.push(line) }));
afterAll(() => Logger.overrideLogger(true));

const closing: (() => Promise<unknown>)[] = [];
let node: TemporaryNode;
let store: EventStore;
let dataDir: string;
let file: string;
let now: number;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'checkpoints-'));
  file = join(dataDir, 'checkpoints.jsonl');
  closing.push(() => rm(dataDir, { recursive: true }));
  node = await startTemporaryNode();
  closing.push(() => node.dispose());
  store = new EventStore(node.connectionString);
  closing.push(() => store.close());
  heads.clear();
  alarms.length = 0;
  now = NOW;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const heads = new Map<string, { revision: bigint; hash: string }>();

/** Appends one event to each of these streams, linked as the ledger's are; not all of them belong to it. */
async function happen(...streams: string[]): Promise<void> {
  for (const stream of streams) {
    const head = heads.get(stream) ?? { revision: -1n, hash: GENESIS_HASH };
    const revision = head.revision + 1n;
    const cause = { commandId: `${stream} ${revision}`, correlationId: 'test', actor: { type: 'system', id: 'test' } } as const;
    const event = { type: 'Counted', data: { amount: `${revision}` } };
    const sealed = seal({ stream, revision, previousHash: head.hash }, event, cause, 0, '2026-03-01T00:00:00.000Z');
    await store.append(stream, [sealed], head.revision);
    heads.set(stream, { revision, hash: sealed.hash });
  }
}

interface JobOptions {
  key?: KeyObject;
  on?: EventStore;
  to?: string;
  url?: string;
  eventsPerRun?: number;
}

/** A job as another process would have it. */
const job = ({ key = privateKey, on = store, to = file, url, eventsPerRun }: JobOptions = {}): SignCheckpointJob =>
  new SignCheckpointJob(
    on,
    { now: () => now },
    {
      privateKey: key,
      file: to,
      webhook: url === undefined ? undefined : { url, positionFile: join(dataDir, 'checkpoint-webhook.position') },
      ...(eventsPerRun === undefined ? {} : { eventsPerRun }),
    },
  );

async function stored(from = store): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  for await (const { checkpoint } of readStoredCheckpoints(from)) checkpoints.push(checkpoint);
  return checkpoints;
}

const exported = async (): Promise<Checkpoint[]> => (await readCheckpointFile(file)) ?? [];

async function* leaves(from: EventStore) {
  for await (const event of from.readAll({ streamPrefixes: LEDGER_PREFIXES, after: undefined }))
    yield { leaf: leafOf(event), position: event.position };
}

/** What the verification finds: `kind size`, in order. */
async function problems(from: EventStore, known: { stored?: Checkpoint[]; exported?: Checkpoint[] }, keys = [publicKey]) {
  const report = await verifyCheckpoints(leaves(from), known, keys);
  return report.problems.map(({ kind, checkpoint }) => `${kind} ${checkpoint.treeSize}`);
}

describe('the job', () => {
  test('signs what the ledger holds, and nothing where nothing came', async () => {
    expect(await job().run()).toBe('nothing_new');
    await happen('account-a', 'generation-a', 'price-x', 'account-b');
    expect(await job().run()).toBe('signed');
    await happen('generation-a');
    expect(await job().run()).toBe('nothing_new');
    const [checkpoint, ...others] = await stored();
    expect(others).toEqual([]);
    const events = await allEvents(store);
    const first = events[0]?.metadata.hash.slice(0, 32);
    expect(checkpoint).toEqual({
      origin: `ledger-${first}`,
      treeSize: 3,
      rootHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      position: `${events.find(({ stream }) => stream === 'account-b')?.position}`,
      signedAt: '2026-03-01T00:00:00.000Z',
      previous: '0'.repeat(64),
      keyId: keyIdOf(publicKey),
      signature: expect.any(String),
    });
    expect(await exported()).toEqual([checkpoint]);
    expect(await problems(store, { stored: await stored(), exported: await exported() })).toEqual([]);
  });

  test('goes on where another process has stopped, in steps where there is much', async () => {
    await happen('account-a', 'account-b', 'account-a');
    await job().run();
    await happen(...Array.from({ length: 12 }, (_, index) => `account-${index % 3}`));
    now -= 5_000;
    const steps = job({ eventsPerRun: 5 });
    expect([await steps.run(), await steps.run(), await steps.run(), await steps.run()]).toEqual([
      ...['signed', 'signed', 'signed', 'nothing_new'],
    ]);
    const checkpoints = await stored();
    expect(checkpoints.map(({ treeSize }) => treeSize)).toEqual([3, 8, 13, 15]);
    expect(checkpoints.map(({ previous }) => previous).slice(1)).toEqual(checkpoints.map(checkpointHash).slice(0, -1));
    // The clock was set back; the order is not.
    expect(new Set(checkpoints.map(({ signedAt }) => signedAt))).toEqual(new Set(['2026-03-01T00:00:00.000Z']));
    expect(await exported()).toEqual(checkpoints);
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(checkpoints.length + 1);
    const events = await allEvents(store);
    expect(resealed(events, ['checkpoints'])).toEqual(events);
    const report = await verifyCheckpoints(leaves(store), { stored: checkpoints, exported: await exported() }, publicKey);
    expect(report).toEqual({ problems: [], checkpoints: 4, treeSize: 15, rootHash: checkpoints[3]?.rootHash, coveredSize: 15 });
  });

  test('does not hold up a shutdown over a long ledger: it signs what it has read in ten seconds', async () => {
    await happen('account-a', 'account-b', 'account-a', 'account-b');
    const slow = new SignCheckpointJob(store, { now: () => (now += 4_000) }, { privateKey, file });
    expect([await slow.run(), await slow.run(), await slow.run()]).toEqual(['signed', 'signed', 'nothing_new']);
    expect((await stored()).map(({ treeSize }) => treeSize)).toEqual([3, 4]);
  });

  test('run twice at once, in one process and in two, signs once', async () => {
    await happen('account-a', 'account-b');
    const one = job();
    const other = job();
    const running = one.run();
    expect(one.run()).toBe(running);
    const outcomes = await Promise.all([running, other.run(), job().run()]);
    expect(outcomes.filter((outcome) => outcome === 'signed')).toHaveLength(1);
    expect((await stored()).map(({ treeSize }) => treeSize)).toEqual([2]);
    await job().run();
    expect(await exported()).toEqual(await stored());
  });

  test('goes on after a change of its key, once the ledger has the root that the former key signed', async () => {
    const { privateKey: newKey } = generateKeyPairSync('ed25519');
    await happen('account-a', 'account-b');
    await job().run();
    await happen('account-a');
    expect(await job({ key: newKey }).run()).toBe('signed');
    const known = { stored: await stored() };
    expect(await problems(store, known, [publicKey, createPublicKey(newKey)])).toEqual([]);
    expect(await problems(store, known)).toEqual(['unknown_key 3']);
  });
});

describe('the exported file', () => {
  test('gets later what it could not take, and its failing stops nothing', async () => {
    const absent = join(dataDir, 'not-there-yet', 'checkpoints.jsonl');
    await happen('account-a');
    expect(await job({ to: absent }).run()).toBe('signed');
    await happen('account-a');
    expect(await job({ to: absent }).run()).toBe('signed');
    expect(alarms.map(({ target, error }) => [target, error.slice(0, 6)])).toEqual([
      ['file', 'ENOENT'],
      ['file', 'ENOENT'],
    ]);
    expect(await job().run()).toBe('nothing_new');
    expect((await exported()).map(({ treeSize }) => treeSize)).toEqual([1, 2]);
    expect(await exported()).toEqual(await stored());
  });

  test('a line that a crash has left unfinished is written anew', async () => {
    await happen('account-a');
    await job().run();
    await happen('account-a');
    await job({ to: join(dataDir, 'elsewhere') }).run();
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}{"keyId":"12`);
    await job().run();
    expect(await exported()).toEqual(await stored());
    expect((await readFile(file, 'utf8')).startsWith(text)).toBe(true);
  });

  test('lines written twice by two processes count once', async () => {
    await happen('account-a');
    await job().run();
    await appendToCheckpointFile(file, await stored());
    expect(await exported()).toEqual(await stored());
  });
});

describe('the webhook', () => {
  test('gets every checkpoint in order, also those from when it was down', async () => {
    const receiver = await startReceiver();
    const signNext = async () => {
      await happen('account-a');
      expect(await job({ url: receiver.url }).run()).toBe('signed');
    };
    await signNext();
    receiver.answer = 503;
    await signNext();
    await signNext();
    receiver.answer = 307;
    await signNext();
    expect(receiver.taken.map(({ treeSize }) => treeSize)).toEqual([1]);
    expect(await exported()).toEqual(await stored());
    expect(alarms.map(({ target, error }) => [target, error.slice(-10)])).toEqual([
      ...[503, 503, 307].map((status) => ['webhook', `status ${status}`]),
    ]);
    receiver.answer = 204;
    expect(await job({ url: receiver.url }).run()).toBe('nothing_new');
    expect(receiver.taken).toEqual(await stored());
    expect(receiver.taken.map(({ treeSize }) => treeSize)).toEqual([1, 2, 3, 4]);
    await job({ url: receiver.url }).run();
    expect(receiver.taken).toHaveLength(4);
  });

  test('that nobody listens to stops nothing', async () => {
    const { port } = await startReceiver().then(async (receiver) => ({ ...receiver, ...(await receiver.stop()) }));
    await happen('account-a');
    expect(await job({ url: `http://127.0.0.1:${port}/` }).run()).toBe('signed');
    expect(await exported()).toHaveLength(1);
  });
});

/** A server that takes checkpoints, or answers otherwise. A redirect would lead back to itself. */
async function startReceiver() {
  const receiver = { answer: 200, taken: [] as Checkpoint[], url: '', port: 0, stop: async () => ({}) };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { answer } = receiver;
    if (answer < 300) receiver.taken.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    if (answer === 307) receiver.answer = 200;
    response.writeHead(answer, answer === 307 ? { location: receiver.url } : {}).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.port = (server.address() as AddressInfo).port;
  receiver.url = `http://127.0.0.1:${receiver.port}/checkpoints`;
  const closed = once(server, 'close');
  receiver.stop = async () => {
    if (server.listening) server.close();
    server.closeAllConnections();
    await closed;
    return {};
  };
  closing.push(receiver.stop);
  return receiver;
}

/** 15 events in four checkpoints of 4, 8, 12 and 14; the last event is covered by none. Positions are those of `$all`. */
async function honestLedger(): Promise<CopiedEvent[]> {
  for (const streams of [
    ['account-a', 'account-b', 'price-x', 'account-a'],
    ['account-b', 'account-a', 'account-c', 'account-a'],
    ['account-c', 'account-b', 'account-c', 'price-x'],
    ['account-b', 'account-c'],
  ]) {
    await happen(...streams);
    expect(await job().run()).toBe('signed');
  }
  await happen('account-c');
  return allEvents(store);
}

/** Where in `$all` the ledger's event of that number, from 0, lies. */
function placeOf(events: readonly CopiedEvent[], leaf: number): number {
  const places = events.flatMap(({ stream }, place) =>
    LEDGER_PREFIXES.some((prefix) => stream.startsWith(prefix)) ? [place] : [],
  );
  return places[leaf] as number;
}

async function tampered(tamper: Tampering): Promise<EventStore> {
  const copy = await tamperedStore(store, tamper);
  closing.push(copy.dispose);
  return copy.store;
}

describe('tampering with the ledger, by one who also mends the hash chains, is found', () => {
  test('and an honest copy has none', async () => {
    await honestLedger();
    const copy = await tampered((events) => resealed(events));
    expect(await allEvents(copy)).toEqual(await allEvents(store));
    expect(await problems(copy, { stored: await stored(copy), exported: await exported() })).toEqual([]);
    await job({ on: copy }).run();
    expect((await stored(copy)).map(({ treeSize }) => treeSize)).toEqual([4, 8, 12, 14, 15]);
  });

  test('an event was edited', async () => {
    const place = placeOf(await honestLedger(), 9);
    const copy = await tampered((events) => resealed(edited(events, place, { data: { amount: '1000000' } })));
    const found = ['root_mismatch 12', 'root_mismatch 14'];
    expect(await problems(copy, { stored: await stored(copy) })).toEqual(found);
    expect(await problems(copy, { exported: await exported() })).toEqual(found);
    const report = await verifyCheckpoints(leaves(copy), { exported: await exported() }, publicKey);
    expect(report.coveredSize).toBe(8);
  });

  test('an event was dropped', async () => {
    const place = placeOf(await honestLedger(), 5);
    const copy = await tampered((events) => resealed(dropped(events, place)));
    const found = [
      'root_mismatch 8',
      'size_mismatch 8',
      'root_mismatch 12',
      'size_mismatch 12',
      'root_mismatch 14',
      'size_mismatch 14',
    ];
    expect((await problems(copy, { exported: await exported() })).sort()).toEqual(found.sort());
  });

  test('two events of different accounts were reordered', async () => {
    const events = await honestLedger();
    const copy = await tampered((all) => resealed(swapped(all, placeOf(events, 0), placeOf(events, 1))));
    expect(await problems(copy, { exported: await exported() })).toEqual([4, 8, 12, 14].map((size) => `root_mismatch ${size}`));
  });

  test('an event was slipped in', async () => {
    const events = await honestLedger();
    const place = placeOf(events, 5);
    const copy = await tampered((all) => resealed([...all.slice(0, place), all[place] as CopiedEvent, ...all.slice(place)]));
    expect(await problems(copy, { exported: await exported() })).toEqual([8, 12, 14].map((size) => `root_mismatch ${size}`));
  });

  test('the tail was cut off, with its checkpoints: the exported file remembers', async () => {
    const events = await honestLedger();
    const copy = await tampered((all) => all.slice(0, placeOf(events, 9)));
    expect(await problems(copy, { stored: await stored(copy) })).toEqual([]);
    expect(await problems(copy, { stored: await stored(copy), exported: await exported() })).toEqual([
      ...['checkpoint_missing 12', 'events_missing 12', 'checkpoint_missing 14', 'events_missing 14'],
    ]);
  });

  test('a checkpoint was edited', async () => {
    const events = await honestLedger();
    const place = events.findIndex(({ type, data }) => type === 'CheckpointSigned' && (data as Checkpoint).treeSize === 8);
    const data = { ...(events[place] as CopiedEvent).data, rootHash: 'f'.repeat(64) };
    const copy = await tampered((all) => resealed(edited(all, place, { data }), ['checkpoints']));
    const known = { stored: await stored(copy), exported: await exported() };
    expect((await problems(copy, known)).sort()).toEqual([
      ...['bad_signature 8', 'checkpoint_swapped 8', 'root_mismatch 8', 'wrong_order 12'],
    ]);
  });

  test('the ledger was written anew and signed anew, with a key of the forger, and with the stolen one', async () => {
    const events = await honestLedger();
    const forge = (key: KeyObject) => forgedFrom(placeOf(events, 9), key);
    const { privateKey: forgersKey } = generateKeyPairSync('ed25519');
    const known = async (copy: EventStore) => ({ stored: await stored(copy), exported: await exported() });
    const withOwnKey = await forge(forgersKey);
    expect(new Set(await problems(withOwnKey, { stored: await stored(withOwnKey) }))).toEqual(
      new Set(['unknown_key 12', 'unknown_key 14']),
    );
    const withStolenKey = await forge(privateKey);
    expect(await problems(withStolenKey, { stored: await stored(withStolenKey) })).toEqual([]);
    const found = await problems(withStolenKey, await known(withStolenKey));
    expect(found).toContain('checkpoint_swapped 12');
    expect(found).toContain('root_mismatch 14');
  });

  test('checkpoints were reordered, one was left out, one is of another ledger', async () => {
    await honestLedger();
    const [a, b, c, d] = (await stored()) as [Checkpoint, Checkpoint, Checkpoint, Checkpoint];
    expect(await problems(store, { stored: [a, c, b, d] })).toEqual(['wrong_order 8', 'wrong_order 12', 'wrong_order 14']);
    expect(await problems(store, { stored: [a, c, d] })).toEqual(['wrong_order 12']);
    expect(await problems(store, { stored: [b, c, d] })).toEqual(['wrong_order 8']);
    expect(await problems(store, { exported: [b, c, d] })).toEqual([]);
    expect(await problems(store, { exported: [a, c, d] })).toEqual(['wrong_order 12']);
    const other = signCheckpoint({ ...d, origin: 'ledger-other' }, privateKey);
    expect(await problems(store, { stored: [a, b, c, other] })).toEqual(['wrong_order 14']);
    const moved = signCheckpoint({ ...d, position: `${BigInt(d.position) - 1n}` }, privateKey);
    expect(await problems(store, { stored: [a, b, c, moved] })).toEqual(['size_mismatch 14']);
    const nonsense = signCheckpoint({ ...d, treeSize: 'many' as never }, privateKey);
    expect(await problems(store, { exported: [nonsense] })).toEqual(['bad_signature many']);
  });
});

/** Another ledger with checkpoints, in a store of its own, exported to the same file. @returns its checkpoints, as exported */
async function leaveForeignFile(): Promise<Checkpoint[]> {
  const other = await startTemporaryNode();
  closing.push(() => other.dispose());
  const otherStore = new EventStore(other.connectionString);
  closing.push(() => otherStore.close());
  const mine = store;
  store = otherStore;
  for (const stream of ['account-x', 'account-y']) {
    await happen(stream);
    await job().run();
  }
  store = mine;
  heads.clear();
  return exported();
}

describe('an exported file that another ledger has left', () => {
  test('is one problem, however many checkpoints it has', async () => {
    const foreign = await leaveForeignFile();
    expect(foreign).toHaveLength(2);
    await happen('account-a', 'account-b', 'account-a');
    const report = await verifyCheckpoints(leaves(store), { stored: [], exported: foreign }, publicKey);
    const own = (await allEvents(store))[0]?.metadata.hash.slice(0, 32);
    expect(report.problems).toEqual([{ kind: 'another_ledger', checkpoint: foreign[1], message: expect.any(String) }]);
    expect(report.problems[0]?.message).toContain(
      `belongs to the ledger ${foreign[0]?.origin}, not to this one, ledger-${own}: move the file away or set CHECKPOINT_FILE`,
    );
    expect(report.coveredSize).toBe(0);
    await job({ to: join(dataDir, 'own.jsonl') }).run();
    const stands = { stored: await stored(), exported: foreign };
    expect(await problems(store, stands)).toEqual(['another_ledger 2']);
    expect((await verifyCheckpoints(leaves(store), stands, publicKey)).coveredSize).toBe(3);
  });

  test('hides no line that was edited, and no first event that was', async () => {
    await honestLedger();
    const mine = await exported();
    const renamed = mine.map((each) => ({ ...each, origin: `ledger-${'0'.repeat(32)}` }));
    expect(await problems(store, { stored: mine, exported: renamed })).toContain('bad_signature 14');
    const events = await allEvents(store);
    const first = events.findIndex(({ stream }) => stream.startsWith('account-'));
    const copy = await tampered((all) => resealed(edited(all, first, { data: { amount: '7' } })));
    expect(await problems(copy, { stored: mine, exported: mine })).toContain('root_mismatch 14');
  });

  test('stops the job, which says whose it is', async () => {
    const [foreign] = await leaveForeignFile();
    await happen('account-a');
    const text = await readFile(file, 'utf8');
    expect(await job().run()).toBe('refused');
    expect(alarms).toEqual([
      {
        msg: 'NO CHECKPOINT IS SIGNED: the exported file is of another ledger',
        error: expect.stringContaining(`${file} belongs to the ledger ${foreign?.origin}, not to this one, ledger-`),
      },
    ]);
    expect([await stored(), await readFile(file, 'utf8')]).toEqual([[], text]);
    await rm(file);
    expect(await job().run()).toBe('signed');
  });
});

/** A ledger with one event edited, whose later checkpoints a holder of some key has made anew. */
async function forgedFrom(place: number, key: KeyObject): Promise<EventStore> {
  const sizes = (await stored()).map(({ treeSize }) => treeSize);
  const copy = await tampered((events) => {
    const kept = events.filter(({ stream }, at) => stream !== 'checkpoints' || at < place);
    return resealed(edited(kept, place, { data: { amount: '7' } }));
  });
  let signed = (await stored(copy)).at(-1)?.treeSize ?? 0;
  for (const size of sizes.filter((candidate) => candidate > signed)) {
    await job({ key, on: copy, to: join(dataDir, `forged-${keyIdOf(key)}.jsonl`), eventsPerRun: size - signed }).run();
    signed = size;
  }
  return copy;
}

describe('the job refuses to sign', () => {
  const refuses = async (copy: EventStore, why: RegExp) => {
    const before = await stored(copy);
    const text = await readFile(file, 'utf8');
    expect(await job({ on: copy }).run()).toBe('refused');
    expect(alarms.splice(0)).toEqual([
      { msg: expect.stringMatching(/^NO CHECKPOINT IS SIGNED/), error: expect.stringMatching(why) },
    ]);
    expect(await stored(copy)).toEqual(before);
    expect(await readFile(file, 'utf8')).toBe(text);
  };

  test('where the store has lost what was exported, or all of it', async () => {
    const events = await honestLedger();
    await refuses(await tampered((all) => all.slice(0, placeOf(events, 9))), /of 14 events, is not in the store/);
    await refuses(await tampered(() => []), /is not in the store/);
    await refuses(await tampered((all) => all.filter(({ stream }) => stream !== 'checkpoints')), /is not in the store/);
  });

  test('where the last checkpoint was swapped', async () => {
    const events = await honestLedger();
    await refuses(await forgedFrom(placeOf(events, 9), privateKey), /is not in the store/);
  });

  test('where somebody put a checkpoint of his own behind the exported one, with a key of his own or a wrong signature', async () => {
    await honestLedger();
    const [last] = (await stored()).slice(-1) as [Checkpoint];
    const next = { ...last, treeSize: 15, position: `${BigInt(last.position) + 2n}`, previous: checkpointHash(last) };
    const forged = { ...signCheckpoint({ ...next, rootHash: 'a'.repeat(64) }, privateKey), rootHash: last.rootHash };
    const others = signCheckpoint(next, generateKeyPairSync('ed25519').privateKey);
    const unlinked = signCheckpoint({ ...next, previous: 'b'.repeat(64) }, privateKey);
    for (const [checkpoint, why] of [
      [forged, /has a wrong signature/],
      [others, /signed by another key and does not fit/],
      [unlinked, /do not build on it/],
    ] as const) {
      await refuses(
        await tampered((all) => {
          const event = all.find(({ stream }) => stream === 'checkpoints') as CopiedEvent;
          return resealed([...all, { ...event, data: { ...event.data, ...checkpoint } }], ['checkpoints']);
        }),
        why,
      );
    }
  });

  test('where the kept frontier is not that of the signed root', async () => {
    const events = await honestLedger();
    const place = events.findLastIndex(({ stream }) => stream === 'checkpoints');
    const { frontier, ...data } = (events[place] as CopiedEvent).data as { frontier: string[] };
    for (const other of [[...frontier].reverse(), frontier.slice(1), []])
      await refuses(await tampered((all) => edited(all, place, { data: { ...data, frontier: other } })), /frontier/);
  });

  test('where the end of the file is no checkpoint', async () => {
    await honestLedger();
    await writeFile(file, 'what is this\n');
    await refuses(store, /the last line is no checkpoint/);
  });
});

describe('the key', () => {
  test('is made once, readable by its owner alone, with its public half beside it', async () => {
    const location = { configured: undefined, dataDir };
    expect(findCheckpointPublicKey(location)).toBeUndefined();
    const key = openCheckpointKey(location);
    expect(keyIdOf(openCheckpointKey(location))).toBe(keyIdOf(key));
    expect((await stat(join(dataDir, 'checkpoint-key.pem'))).mode & 0o777).toBe(0o600);
    expect(keyIdOf(findCheckpointPublicKey(location) as KeyObject)).toBe(keyIdOf(key));
  });

  test('is the configured one, as text, in one line, or as a file', async () => {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const path = join(dataDir, 'my-key.pem');
    await writeFile(path, pem);
    for (const configured of [pem, pem.replaceAll('\n', '\\n'), path]) {
      expect(keyIdOf(openCheckpointKey({ configured, dataDir }))).toBe(keyIdOf(publicKey));
      expect(keyIdOf(findCheckpointPublicKey({ configured, dataDir }) as KeyObject)).toBe(keyIdOf(publicKey));
    }
  });

  test('is refused, without a byte of it in the message, where it is another kind or none', async () => {
    const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = 'MC4CAQAwBQYDK2VwBCIEIsecret';
    for (const configured of [
      rsa.export({ type: 'pkcs8', format: 'pem' }) as string,
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
      join(dataDir, 'absent.pem'),
    ]) {
      const open = () => openCheckpointKey({ configured, dataDir });
      expect(open).toThrow(/^CHECKPOINT_KEY /);
      expect(open).not.toThrow(secret);
    }
  });
});

test('the program signs and exports by itself, with a key of its own', async () => {
  const receiver = await startReceiver();
  const gateway = await startGateway({ env: { CHECKPOINT_WEBHOOK_URL: receiver.url } });
  closing.push(() => gateway.dispose());
  const taken = await eventually(() => {
    if (!receiver.taken[0]) throw new Error('nothing exported yet');
    return receiver.taken[0];
  }, 30_000);
  expect((await readCheckpointFile(join(gateway.dataDir, 'checkpoints.jsonl')))?.[0]).toEqual(taken);
  const pem = await readFile(join(gateway.dataDir, 'checkpoint-key.pub.pem'), 'utf8');
  expect(verifyCheckpoint(taken, parsePublicKey(pem, 'the public key'))).toBe(true);
  const secret = (await readFile(join(gateway.dataDir, 'checkpoint-key.pem'), 'utf8')).split('\n')[1] as string;
  expect(secret.length).toBeGreaterThan(40);
  expect(gateway.stdout + gateway.stderr).not.toContain(secret);
});
