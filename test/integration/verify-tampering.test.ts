/** What somebody with access to the store's files has made of a ledger: the real command finds it, and says what it is. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { signCheckpoint } from '../../src/audit/checkpoints/checkpoint.js';
import { openCheckpointKey } from '../../src/audit/checkpoints/checkpoint-key.js';
import { readCheckpointFile, SignCheckpointJob } from '../../src/audit/index.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { type Claim, opened, START } from '../support/claimed-account.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { ledger } from '../support/ledger-command.js';
import { costOf, PRICE, pricesPublished, SealedStream } from '../support/sealed-stream.js';
import { allEvents, dropped, edited, resealed, swapped, type Tampering, tamperedStore } from '../support/tampered-store.js';

let folder: string;
let node: TemporaryNode;
let store: EventStore;
let options: string[];
const closing: (() => Promise<unknown>)[] = [];

const call = (claim: Claim, id: string): Claim => claim.reserved(id, { A: 80 }).settled(id, { A: 50 }, { A: 30 });
const honest = (): Claim => ['r', 's', 't'].reduce(call, opened().granted('A', 1000));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-'));
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
  const prices = new SealedStream(PRICE.stream);
  prices.add('PricesPublished', pricesPublished, 'p', START);
  await store.append(prices.stream, prices.events, -1n);
  const { stream } = honest();
  await store.append(stream.stream, stream.events, -1n);
  const file = join(folder, 'checkpoints.jsonl');
  const privateKey = openCheckpointKey({ configured: undefined, dataDir: folder });
  const job = () => new SignCheckpointJob(store, { now: () => START }, { privateKey, file, eventsPerRun: 5 }).run();
  expect([await job(), await job()]).toEqual(['signed', 'signed']);
  options = ['--checkpoints', file, '--public-key', join(folder, 'checkpoint-key.pub.pem')];
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await store.close();
  await node.dispose();
  await rm(folder, { recursive: true });
});

const verify = (address: string) => ledger(['verify', '--event-store', address, ...options, '--json']);

async function verifyTampered(tamper: Tampering) {
  const tampered = await tamperedStore(store, tamper);
  closing.push(tampered.dispose);
  const { status, json } = await verify(tampered.connectionString);
  const rules = new Set(json.problems.map(({ rule, text }: Record<string, string>) => `${rule}: ${text}`));
  return { status, said: [...rules, ...json.checkpoints.problems.map(({ kind }: { kind: string }) => kind)] as string[] };
}

test('nothing is wrong with what was not touched, nor with its copy', async () => {
  expect((await verify(node.connectionString)).status).toBe(0);
  expect(await verifyTampered((events) => events)).toEqual({ status: 0, said: [] });
});

/** The settlement of the second call. */
const SETTLED = 7;
const cheaper = (data: object) => ({
  ...data,
  ...costOf(40n),
  debits: [{ lotId: 'A', amount: '40' }],
  releases: [{ lotId: 'A', amount: '40' }],
});
const isCheckpoint = ({ stream }: { stream: string }) => stream === 'checkpoints';

test.each<[string, Tampering, string[]]>([
  [
    'an edit',
    (events) => edited(events, SETTLED, { data: cheaper(events[SETTLED]?.data as object) }),
    ['10: the event is not what was hashed'],
  ],
  [
    'an edit with every hash after it mended',
    (events) => resealed(edited(events, SETTLED, { data: cheaper(events[SETTLED]?.data as object) })),
    ['root_mismatch'],
  ],
  ['an event taken out', (events) => dropped(events, SETTLED), ['10: the event is not chained to the one before it']],
  [
    "two events in each other's place",
    (events) => swapped(events, SETTLED - 1, SETTLED),
    ['10: the event is not chained to the one before it'],
  ],
  [
    'the newest events cut off, with the checkpoint',
    (events) => events.slice(0, SETTLED),
    ['events_missing', 'checkpoint_missing'],
  ],
  ['all checkpoints taken out', (events) => events.filter((event) => !isCheckpoint(event)), ['checkpoint_missing']],
])('%s', async (_what, tamper, expected) => {
  const { status, said } = await verifyTampered(tamper);
  expect(status).toBe(1);
  expect(said).toEqual(expect.arrayContaining(expected));
});

test('a checkpoint swapped for one of another key', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const file = options[1] as string;
  const [first] = (await readCheckpointFile(file)) ?? [];
  if (!first) throw new Error('nothing was exported');
  const { keyId: _, signature: __, ...signed } = first;
  const { status, said } = await verifyTampered((events) => {
    const at = events.findIndex(isCheckpoint);
    const data = { ...events[at]?.data, ...signCheckpoint({ ...signed, rootHash: '0'.repeat(64) }, privateKey) };
    return resealed(edited(events, at, { data }), ['checkpoints']);
  });
  expect(status).toBe(1);
  expect(said).toEqual(expect.arrayContaining(['unknown_key', 'root_mismatch', 'checkpoint_swapped']));
});

test('the exported file is itself held against the key', async () => {
  const [first, ...rest] = (await readCheckpointFile(options[1] as string)) ?? [];
  const file = join(folder, 'forged.jsonl');
  const forged = { ...first, signedAt: '2020-01-01T00:00:00.000Z' };
  await writeFile(file, [forged, ...rest].map((each) => `${JSON.stringify(each)}\n`).join(''));
  const { status, json } = await ledger([
    'verify',
    '--event-store',
    node.connectionString,
    '--checkpoints',
    file,
    ...options.slice(2),
    '--json',
  ]);
  expect(status).toBe(1);
  expect(json.checkpoints.problems.map(({ kind }: { kind: string }) => kind)).toContain('bad_signature');
});

test('a forged event, sealed and chained, is found by the rule that it breaks', async () => {
  const copy = await tamperedStore(store);
  closing.push(copy.dispose);
  const events = await allEvents(copy.store);
  const last = events.filter(({ stream }) => stream === 'account-a').at(-1);
  if (!last) throw new Error('the copy is empty');
  const forged = new SealedStream('account-a', { revision: last.revision, hash: last.metadata.hash, position: last.position });
  const adjustment = {
    adjustmentId: 'j',
    lines: [{ lotId: 'A', amount: '500' }],
    requestedBy: 'ann',
    approvedBy: 'ann',
    reason: 'x',
  };
  const event = forged.add('CreditsAdjusted', adjustment, 'forged', Date.parse(last.metadata.occurredAt));
  await copy.store.append('account-a', forged.events, last.revision);
  const { status, json } = await verify(copy.connectionString);
  expect([status, json.problems]).toEqual([
    1,
    [
      {
        rule: 'A',
        stream: 'account-a',
        revision: event.revision,
        event_id: event.id,
        type: 'CreditsAdjusted',
        text: 'who asked for the adjustment has approved it',
      },
    ],
  ]);
  const { stdout, status: told } = await ledger(['verify', '--event-store', copy.connectionString, ...options]);
  expect(told).toBe(1);
  expect(stdout).toContain(`rule A  account-a@${event.revision} CreditsAdjusted ${event.id}\n`);
  expect(stdout).toMatch(/\n1 problem\.\n$/);
});

test('an event that cannot be read is a problem of its account, and the rest goes on', async () => {
  const copy = await tamperedStore(store);
  closing.push(copy.dispose);
  await copy.store.append(
    'account-b',
    [{ id: '00000000-0000-4000-8000-000000000001', type: 'X', hash: '', dataJson: '{', metadataJson: '[]' }],
    -1n,
  );
  const { status, json } = await verify(copy.connectionString);
  expect([status, json.accounts]).toEqual([1, 2]);
  expect(json.problems.map(({ rule, stream }: Record<string, string>) => [rule, stream])).toEqual([['11', 'account-b']]);
});
