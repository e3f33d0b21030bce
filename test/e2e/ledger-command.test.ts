/** What operators and auditors are told about a ledger that has served calls, by the real command. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openCheckpointKey } from '../../src/audit/checkpoints/checkpoint-key.js';
import { SignCheckpointJob } from '../../src/audit/index.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ledger, run } from '../support/ledger-command.js';
import { ask, balanceOf, chat } from './http.js';

const PATH = '/v1/chat/completions';
const CALLS = [
  '[[prompt=100 completion=50]]',
  '[[prompt=7 completion=900]]',
  '[[status=500]]',
  '[[prompt=300 cached=200 completion=1]]',
];

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
let other: Customer;
let folder: string;
let generations: string[];
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-command-'));
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn' } });
  env = { DATA_DIR: gateway.dataDir };
  customer = await gateway.admin.openCustomer({ credits: '10.5' });
  other = await gateway.admin.openCustomer({ credits: 1 });
  generations = [];
  for (const [index, prompt] of CALLS.entries()) {
    const stream = index % 2 === 1;
    const { json, headers } = await ask(gateway, PATH, { key: customer.key, body: chat(prompt, { stream }) });
    generations.push(headers.get('x-generation-id') ?? json?.id);
  }
  await ask(gateway, PATH, { key: other.key, body: chat('hello') });
  await signCheckpoint();
});
afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
  await rm(folder, { recursive: true, force: true });
});

async function signCheckpoint(): Promise<void> {
  const { json } = await ledger(['verify', '--json'], env);
  const address = (await readFile(join(gateway.dataDir, 'event-store/address'), 'utf8')).split('\n')[0] as string;
  const store = new EventStore(address);
  const file = join(gateway.dataDir, 'checkpoints.jsonl');
  const privateKey = openCheckpointKey({ configured: undefined, dataDir: gateway.dataDir });
  // The gateway's own job may have signed them already.
  const outcome = await new SignCheckpointJob(store, { now: () => Date.now() }, { privateKey, file }).run();
  expect(['signed', 'nothing_new']).toContain(outcome);
  await store.close();
  expect(json.ok).toBe(true);
}

test('npm run gives nothing but the answer', async () => {
  const { status, stdout, stderr } = await run('npm', ['run', '--silent', 'ledger', '--', 'verify'], { ...env });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^events +\d+\n/);
  expect(stdout).toMatch(/\nAll is well\.\n$/);
});

test('verify counts what there is, and finds nothing wrong', async () => {
  const { status, json } = await ledger(['verify', '--json'], env);
  expect([status, json.ok, json.problems_total, json.problems]).toEqual([0, true, 0, []]);
  const charged = (await balanceOf(gateway, customer.key)).total_spent + (await balanceOf(gateway, other.key)).total_spent;
  expect(json).toMatchObject({ accounts: 2, reservations: { open: 0, overdue: 0, ended: 5 } });
  expect(json.credits).toMatchObject({ granted: '11.5', receivable: '0', held: '0' });
  expect(Number(json.credits.spent)).toBeCloseTo(charged, 9);
  expect(json.checkpoints).toMatchObject({ problems: [], covered_size: json.events, tree_size: json.events });
});

test('verify of one account', async () => {
  const { status, json } = await ledger(['verify', '--account', customer.userId, '--json'], env);
  expect([status, json.ok, json.credits.granted, json.reservations.ended]).toEqual([0, true, '10.5', 4]);
  expect(json.head.hash).toMatch(/^[0-9a-f]{64}$/);
});

test('balance is what the API says, and what it was', async () => {
  const { current_balance, total_spent } = await balanceOf(gateway, customer.key);
  const { status, json } = await ledger(['balance', customer.userId, '--json'], env);
  expect([status, Number(json.available), Number(json.spent), json.granted]).toEqual([0, current_balance, total_spent, '10.5']);
  expect(json.lots).toEqual([
    {
      lot: 'lot-1',
      kind: 'top_up',
      priority: '50',
      expires: 'never',
      granted: '10.5',
      remaining: json.available,
      held: '0',
      frozen: '0',
    },
  ]);
  const { json: history } = await ledger(['history', customer.userId, '--json'], env);
  const granted = history.events.find(({ type }: { type: string }) => type === 'CreditsGranted');
  for (const moment of [granted.position, `position:${granted.position}`, granted.time]) {
    const { json: then } = await ledger(['balance', customer.userId, '--as-of', moment, '--json'], env);
    expect([moment, then.available, then.spent]).toEqual([moment, '10.5', '0']);
  }
});

test('history has a line for each event, and what was available after it', async () => {
  const { json } = await ledger(['history', customer.userId, '--json'], env);
  const types = json.events.map(({ type }: { type: string }) => type);
  expect(types.slice(0, 5)).toEqual(['AccountOpened', 'CreditsGranted', 'ApiKeyIssued', 'CreditsReserved', 'ReservationSettled']);
  expect(types.filter((type: string) => type === 'ReservationReleased')).toHaveLength(1);
  const { current_balance } = await balanceOf(gateway, customer.key);
  expect(Number(json.events.at(-1).available)).toBe(current_balance);
  const { stdout } = await ledger(
    ['history', customer.userId, '--limit', '2', '--type', 'ReservationSettled,CreditsGranted'],
    env,
  );
  expect(stdout.trim().split('\n')).toHaveLength(3);
  expect(stdout).not.toContain('CreditsReserved');
});

test('explain shows a call to the token, found without its account', async () => {
  const { status, json } = await ledger(['explain', generations[0] as string, '--json'], env);
  expect([status, json.account, json.recomputed.agrees]).toEqual([0, customer.userId, true]);
  expect(json.usage.classes).toEqual({ input_uncached: 100, output_visible: 50 });
  expect(json.cost.lines).toEqual([
    { class: 'input_uncached', tokens: 100, price: '0.00000015', amount: '0.000015' },
    { class: 'output_visible', tokens: 50, price: '0.0000006', amount: '0.00003' },
  ]);
  expect([json.cost.exact, json.cost.rounded, json.debits]).toEqual([
    '0.000045',
    '0.000045',
    [{ lot: 'lot-1', amount: '0.000045' }],
  ]);
  expect(json.events.map(({ type }: { type: string }) => type)).toEqual(['CreditsReserved', 'ReservationSettled']);
  expect(json.events[1].previous_hash).toBe(json.events[0].hash);
  const text = await ledger(['explain', generations[0] as string, '--account', customer.userId], env);
  expect(text.stdout).toMatch(/input_uncached +100 +0\.00000015 +0\.000015\n/);
  expect(text.stdout).toContain('Computed again from the usage: 0.000045, charged 0.000045, which agrees.');
  expect((await ledger(['explain', 'gen-nobody'], env)).status).toBe(2);
});

test('replay goes event by event, up to where it is asked to', async () => {
  const { json } = await ledger(['replay', customer.userId, '--at', 'revision:3', '--step', '--json'], env);
  expect([json.revision, json.steps.length]).toEqual([3, 4]);
  expect(json.steps[1].changes).toContainEqual({ name: 'available', from: '0', to: '10.5' });
  const { stdout } = await ledger(['replay', customer.userId, '--at', 'revision:1', '--step'], env);
  expect(stdout).toContain('    granted: 0 → 10.5');
  expect(stdout).not.toContain('CreditsReserved');
});

test('checkpoints says whose signature each has', async () => {
  const { status, json } = await ledger(['checkpoints', '--json'], env);
  const all = json.checkpoints.map(({ signature, exported }: Record<string, string>) => [signature, exported]);
  expect([status, new Set(all.map(String))]).toEqual([0, new Set(['valid,yes'])]);
});

test.each([
  ['no command', []],
  ['an unknown command', ['audit']],
  ['an unknown option', ['verify', '--fast']],
  ['no account', ['balance']],
  ['an unknown account', ['balance', 'nobody12']],
  ['a moment that is none', ['balance', 'nobody12', '--as-of', 'yesterday']],
  ['no such file', ['verify-file', '/nowhere.json', '--public-key', '/nowhere.pem']],
  ['a directory without a ledger', ['verify', '--data-dir', '/nowhere']],
  ['a store that does not answer', ['verify', '--event-store', 'esdb://127.0.0.1:1?tls=false']],
])('%s is status 2, with a reason', async (_what, args) => {
  const { status, stderr, stdout } = await ledger(args, env);
  expect(status).toBe(2);
  expect(stderr + stdout).not.toBe('');
});

test.each(['verify', 'balance', 'history', 'explain', 'replay', 'export', 'verify-file', 'checkpoints'])(
  '%s has help',
  async (name) => {
    const { status, stdout } = await ledger([name, '--help']);
    expect([status, stdout.startsWith(`usage: npm run ledger -- ${name}`)]).toEqual([0, true]);
  },
);

describe('when the program has stopped', () => {
  let evidence: string;
  let publicKey: string;

  beforeAll(async () => {
    evidence = join(folder, 'evidence.json');
    publicKey = join(gateway.dataDir, 'checkpoint-key.pub.pem');
    const { status } = await ledger(['export', customer.userId, '--out', evidence], env);
    expect(status).toBe(0);
    const running = await ledger(['verify', '--json'], env);
    expect(await gateway.stop()).toBe(0);
    const stopped = await ledger(['verify', '--json', '--data-dir', gateway.dataDir]);
    expect([stopped.status, stopped.json.heads]).toEqual([0, running.json.heads]);
  });

  const changed = async (change: (text: string) => string): Promise<string> => {
    const file = join(folder, 'changed.json');
    const text = await readFile(evidence, 'utf8');
    expect(change(text)).not.toBe(text);
    await writeFile(file, change(text));
    return file;
  };

  test('the evidence holds by itself, and an existing file stays', async () => {
    const { status, json } = await ledger(['verify-file', evidence, '--public-key', publicKey, '--json']);
    expect([status, json.ok, json.problems, json.covered_events]).toEqual([0, true, [], json.events]);
    expect(json.proven_events).toBeGreaterThanOrEqual(json.events);
    expect((await ledger(['export', customer.userId, '--out', evidence], env)).status).toBe(2);
  });

  test.each<[string, (text: string) => string, RegExp]>([
    ['an amount', (text) => text.replace('10500000000', '10500000001'), /is not what was hashed/],
    ['a price', (text) => text.replace('0.00000015', '0.00000014'), /is not what was hashed/],
    ['the signed root', (text) => text.replace(/"rootHash":"./, '"rootHash":"x'), /signature does not fit/],
    ['a proof', (text) => text.replace(/"path":\["[0-9a-f]{8}/, '"path":["00000000'), /not in the tree that was signed/],
  ])('a change of %s shows', async (_what, change, said) => {
    const { status, stdout } = await ledger(['verify-file', await changed(change), '--public-key', publicKey]);
    expect([status, said.test(stdout)]).toEqual([1, true]);
  });

  test("another ledger's key does not fit", async () => {
    const file = join(folder, 'other');
    openCheckpointKey({ configured: undefined, dataDir: file });
    const { status, stdout } = await ledger(['verify-file', evidence, '--public-key', join(file, 'checkpoint-key.pub.pem')]);
    expect(status).toBe(1);
    expect(stdout).toContain('was signed by the key');
  });
});
