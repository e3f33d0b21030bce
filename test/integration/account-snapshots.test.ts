/** Snapshots of accounts on a real event store: what they save, and that they never mean anything. */
import { fork } from 'node:child_process';
import { hash as digest } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FOLD_VERSION } from '../../src/accounts/account-snapshots.js';
import { AccountWriter, type Answer, DEFAULT_LIMITS } from '../../src/accounts/account-writer.js';
import { type AccountCommand, accountDecider } from '../../src/accounts/domain/account.decider.js';
import type { Account } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { encodeLossless } from '../../src/accounts/lossless-json.js';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import { grant, KEY, reserve, settle } from '../support/account-story.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';

const WRITER_PROCESS = fileURLToPath(new URL('../faults/writer-process.js', import.meta.url));
const clock = { now: () => Date.now() };

/** Counts the events of account streams that it reads. */
class CountingStore extends EventStore {
  eventsRead = 0;

  override async *read(stream: string, fromRevision?: bigint): AsyncGenerator<StoredEvent> {
    for await (const event of super.read(stream, fromRevision)) {
      this.eventsRead += 1;
      yield event;
    }
  }
}

let node: TemporaryNode;
let client: EventStoreDBClient;
const stores: EventStore[] = [];

beforeAll(async () => {
  node = await startTemporaryNode();
  client = EventStoreDBClient.connectionString(node.connectionString);
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => {
  await client.dispose();
  await node.dispose();
});

interface Gateway {
  readonly store: CountingStore;
  readonly writer: AccountWriter;
  readonly problems: string[];
}

/** A process that knows nothing yet. */
function gateway(): Gateway {
  const store = new CountingStore(node.connectionString);
  stores.push(store);
  const problems: string[] = [];
  const writer = new AccountWriter(store, clock, DEFAULT_LIMITS, (problem) => problems.push(problem));
  return { store, writer, problems };
}

const ask = (writer: AccountWriter, accountId: string, command: AccountCommand): Promise<Answer> => {
  const commandId = `${command.type}:${JSON.stringify(encodeLossless(command))}`;
  return writer.execute(accountId, command, { commandId, correlationId: 'test', actor: { type: 'system', id: 'test' } });
};
const outcomeOf = ({ rejection, events }: Answer): string => rejection?.reason ?? (events.length > 0 ? 'done' : 'done before');

const streamOf = (accountId: string) => `account-${accountId}`;
const snapshotsOf = (accountId: string) => `snapshot-${FOLD_VERSION}-${accountId}`;

/** An account of so many events, snapshots included: opened, a key, a grant, and reservations that were settled. */
async function longAccount(accountId: string, eventCount: number, { writer } = gateway()): Promise<void> {
  await ask(writer, accountId, { type: 'OpenAccount', accountId, username: 'u', tier: 'free' });
  await ask(writer, accountId, {
    type: 'IssueApiKey',
    keyId: KEY,
    secretHash: 'h',
    name: '$m: a name that needs care',
    limit: nano(10n ** 12n),
    limitReset: 'monthly',
    expiresAt: undefined,
  });
  await ask(writer, accountId, grant('g-0', 10n ** 9n, { expiresAt: Date.now() + 10 ** 9 }));
  const ids = Array.from({ length: Math.ceil((eventCount - 3) / 2) }, (_, index) => `r-${index}`);
  const reserved = Promise.all(ids.map((id) => ask(writer, accountId, reserve(id, 10n))));
  await reserved;
  await Promise.all(ids.slice(0, eventCount - 3 - ids.length).map((id) => ask(writer, accountId, settle(id, 3n))));
  await writer.snapshots.idle();
}

/** The account as its events alone say, up to a revision. */
async function folded(accountId: string, upTo = 10n ** 9n): Promise<Account> {
  let account = accountDecider.initialState();
  for (const { event } of await eventsIn(streamOf(accountId))) {
    if (event.revision > upTo) break;
    account = accountDecider.evolve(account, event as AccountEvent & StoredEvent, Date.parse(event.metadata.occurredAt));
  }
  return account;
}

async function eventsIn(stream: string) {
  const events: { revision: bigint; position: bigint; data: Record<string, unknown>; hash: string; event: StoredEvent }[] = [];
  for await (const { event } of client.readStream(stream)) {
    const { revision, data, metadata } = event as unknown as StoredEvent<Record<string, unknown>>;
    const { position } = event as unknown as { position: { commit: bigint } };
    events.push({ revision, position: position.commit, data, hash: metadata?.hash, event: event as unknown as StoredEvent });
  }
  return events;
}

describe('an account with more than a thousand events', () => {
  test('has one snapshot, the newest, and is loaded from it and from what came after', async () => {
    const writing = gateway();
    await longAccount('long', 5_003, writing);
    expect(writing.writer.snapshots.counters.written).toBeGreaterThan(1);
    expect(writing.writer.snapshots.counters.written).toBeLessThanOrEqual(5);
    expect(writing.problems).toEqual([]);
    const kept = await eventsIn(snapshotsOf('long'));
    expect(kept.map(({ revision }) => revision)).toEqual([BigInt(writing.writer.snapshots.counters.written - 1)]);
    expect((await client.getStreamMetadata(snapshotsOf('long'))).metadata).toEqual({ maxCount: 1 });

    const { writer, store, problems } = gateway();
    const loaded = await writer.load('long');
    expect(encodeLossless(loaded.account)).toEqual(encodeLossless(await folded('long')));
    expect(store.eventsRead).toBe(5_003 - Number(kept[0]?.data.revision));
    expect(writer.snapshots.counters).toEqual({ written: 0, used: 1, ignored: 0, failed: 0 });
    expect(outcomeOf(await ask(writer, 'long', settle('r-0', 3n)))).toBe('reservation_not_open');
    expect(outcomeOf(await ask(writer, 'long', reserve('next', 10n)))).toBe('done');
    expect(problems).toEqual([]);
  });

  test('is the same whether it is folded on from a snapshot, or written on after one', async () => {
    await longAccount('goes-on', 1_200);
    const [a, b] = [gateway(), gateway()];
    await Promise.all([a.writer.load('goes-on'), b.writer.load('goes-on')]);
    for (const [index, { writer }] of [a, b, a, b].entries()) {
      expect(outcomeOf(await ask(writer, 'goes-on', reserve(`more-${index}`, 7n)))).toBe('done');
    }
    const all = encodeLossless(await folded('goes-on'));
    for (const { writer } of [a, b]) expect(encodeLossless((await writer.refresh('goes-on')).account)).toEqual(all);
  });

  test('whose process died between an append and its snapshot is loaded all the same, and gets the snapshot then', async () => {
    const child = fork(WRITER_PROCESS, [node.connectionString]);
    await once(child, 'message');
    const commands: AccountCommand[] = [
      { type: 'OpenAccount', accountId: 'died', username: 'u', tier: 'free' },
      grant('g', 10n),
      ...Array.from({ length: 2_000 }, (_, index) => grant(`g-${index}`, 1n)),
    ];
    const answered = once(child, 'message');
    const message = { accountId: 'died', commands: commands.map((command, id) => ({ id: `${id}`, command })) };
    child.send(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
    const subscription = client.subscribeToStream(streamOf('died'), { fromRevision: 900n });
    for await (const { event } of subscription) if ((event?.revision ?? 0n) >= 1_000n) break;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await Promise.race([answered, exited]);

    const { writer, problems } = gateway();
    const { account } = await writer.load('died');
    expect(encodeLossless(account)).toEqual(encodeLossless(await folded('died')));
    await writer.snapshots.idle();
    const next = gateway();
    await next.writer.load('died');
    expect(next.writer.snapshots.counters.used).toBe(1);
    expect([...problems, ...next.problems]).toEqual([]);
  });

  test('has no snapshot where its state is larger than an append may be: that is said, and nothing else happens', async () => {
    const { writer, problems } = gateway();
    await longAccount('wide', 3, { writer } as Gateway);
    const ids = Array.from({ length: 3_000 }, (_, index) => `${index}-${'r'.repeat(300)}`);
    const answers = await Promise.all(ids.map((id) => ask(writer, 'wide', reserve(id, 1n))));
    expect(answers.every((answer) => outcomeOf(answer) === 'done')).toBe(true);
    await writer.snapshots.idle();
    expect(writer.snapshots.counters.failed).toBeGreaterThan(0);
    expect(problems[0]).toMatch(/^no snapshot of account wide was written: it would be \d+ bytes long$/);
    expect((await gateway().writer.load('wide')).account.reservations.size).toBe(3_000);
  });
});

describe('a snapshot that cannot be trusted', () => {
  type Content = Record<string, unknown> & { state: Record<string, unknown> };
  const sign = ({ checksum: _, ...content }: Record<string, unknown>) => ({
    ...content,
    checksum: digest('sha256', JSON.stringify(content)),
  });
  const cases: Record<
    string,
    { reason: string; change: (content: Content) => Record<string, unknown> | Promise<Record<string, unknown>> }
  > = {
    'is nothing of the kind': { reason: 'its checksum is wrong', change: () => ({ note: 'hello' }) },
    'was edited': {
      reason: 'its checksum is wrong',
      change: (content) => ({ ...content, state: { ...content.state, receivable: '$n:5' } }),
    },
    'is of another fold': { reason: 'it is of fold 999', change: (content) => sign({ ...content, foldVersion: 999 }) },
    'is of another account': {
      reason: 'it is of another account',
      change: (content) => sign({ ...content, accountId: 'other' }),
    },
    'comes from the future': {
      reason: 'it rests on event 1000000, which the stream does not have',
      change: (content) => sign({ ...content, revision: '1000000' }),
    },
    'comes from another history': {
      reason: 'it rests on event 1201, which the stream does not have',
      change: (content) => sign({ ...content, revision: '1201', lastHash: 'f'.repeat(64) }),
    },
    'names a place before the stream': {
      reason: 'it rests on no event',
      change: (content) => sign({ ...content, revision: '-1' }),
    },
    'has no revision': { reason: 'its state cannot be read', change: (content) => sign({ ...content, revision: 'many' }) },
    'lacks a member': {
      reason: 'its state has another shape',
      change: (content) => {
        const { lots: _, ...state } = content.state;
        return sign({ ...content, state });
      },
    },
    'holds a list where a map should be': {
      reason: 'its state has another shape',
      change: (content) => sign({ ...content, state: { ...content.state, keys: [] } }),
    },
    'holds what cannot be read': {
      reason: 'its state cannot be read',
      change: (content) => sign({ ...content, state: { ...content.state, receivable: '$n:five' } }),
    },
    'is wrong, and what follows shows it': {
      reason: 'event 1202 does not follow from it',
      change: (content) => sign({ ...content, state: { ...content.state, reservations: { $m: [] } } }),
    },
  };

  test.each(Object.keys(cases))('because it %s is ignored and said once; the account is what its events say', async (name) => {
    const { reason, change } = cases[name] as (typeof cases)[string];
    const accountId = `bad-${Object.keys(cases).indexOf(name)}`;
    await longAccount(accountId, 1_203);
    const last = (await eventsIn(streamOf(accountId)))[1_201];
    // A good one of revision 1,201, of which the cases are made.
    const place = { revision: '1201', position: `${last?.position}`, lastHash: last?.hash };
    const state = encodeLossless(await folded(accountId, 1_201n));
    const content = { foldVersion: FOLD_VERSION, accountId, ...place, state };
    const append = (data: Record<string, unknown>) =>
      client.appendToStream(snapshotsOf(accountId), jsonEvent({ type: 'AccountSnapshotTaken', data: data as never }));

    await append(sign(content));
    const trusting = gateway();
    const expected = encodeLossless(await folded(accountId));
    expect(encodeLossless((await trusting.writer.load(accountId)).account)).toEqual(expected);
    expect([trusting.store.eventsRead, trusting.problems]).toEqual([2, []]);

    await append(await change(sign(content) as unknown as Content));
    const { writer, problems } = gateway();
    expect(encodeLossless((await writer.load(accountId)).account)).toEqual(expected);
    expect(problems).toEqual([expect.stringContaining(`the snapshot of account ${accountId} is ignored: ${reason}`)]);
    expect(writer.snapshots.counters).toMatchObject({ used: 0, ignored: 1 });
    expect(outcomeOf(await ask(writer, accountId, reserve('after', 10n)))).toBe('done');

    // The load that ignored it has put a good one in its place.
    await writer.snapshots.idle();
    const next = gateway();
    await next.writer.load(accountId);
    expect([next.writer.snapshots.counters.used, next.problems]).toEqual([1, []]);
  });
});

describe('an event that cannot be', () => {
  const metadata = { occurredAt: new Date().toISOString(), hash: 'x' };
  const poisons = {
    'of an unknown type': jsonEvent({ type: 'CreditsInvented', data: { amount: 'secret' }, metadata }),
    impossible: jsonEvent({ type: 'CreditsExpired', data: { lotId: 'secret', amount: '1' }, metadata }),
    'with an amount that is none': jsonEvent({ type: 'CreditsExpired', data: { lotId: 'lot-1', amount: 'secret' }, metadata }),
    'without data': jsonEvent({ type: 'TierChanged', data: null as never, metadata }),
    'without an envelope': jsonEvent({ type: 'TierChanged', data: { from: 'free', to: 'premium' } }),
    'without a time': jsonEvent({
      type: 'TierChanged',
      data: { from: 'free', to: 'premium' },
      metadata: { ...metadata, occurredAt: 'soon' },
    }),
  };

  test.each(Object.keys(poisons) as (keyof typeof poisons)[])('%s: stops its account, by name, and no other', async (which) => {
    const accountId = `stopped-${Object.keys(poisons).indexOf(which)}`;
    const poison = poisons[which];
    const { writer } = gateway();
    await longAccount(accountId, 3, { writer } as Gateway);
    await longAccount(`${accountId}-not`, 3, { writer } as Gateway);
    await client.appendToStream(streamOf(accountId), poison);
    const expected = { stream: streamOf(accountId), revision: 3n, type: poison.type };
    for (const each of [writer, gateway().writer, writer]) {
      for (const asking of [
        () => ask(each, accountId, reserve('a', 1n)),
        () => ask(each, accountId, settle('a', 1n)),
        () => each.refresh(accountId),
        () => each.load(accountId),
      ]) {
        const error = await asking().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(AccountUnreadable);
        expect(error).toMatchObject(expected);
        expect((error as Error).stack).not.toContain('secret');
        expect((error as Error).cause).toBeUndefined();
      }
      expect(outcomeOf(await ask(each, `${accountId}-not`, reserve('a', 1n)))).toMatch(/^done/);
    }
    expect(await eventsIn(streamOf(accountId))).toHaveLength(4);
  });

  test('is read again with each load: once it can be passed over, the account goes on', async () => {
    const { writer } = gateway();
    await longAccount('repaired', 3, { writer } as Gateway);
    const { account } = await writer.load('repaired');
    const state = encodeLossless(account);
    const { position } = await client.appendToStream(streamOf('repaired'), poisons['of an unknown type']);
    await expect(writer.refresh('repaired')).rejects.toThrow(AccountUnreadable);
    const place = { revision: '3', position: `${position?.commit}`, lastHash: 'x' };
    const content = { foldVersion: FOLD_VERSION, accountId: 'repaired', ...place, state };
    const data = { ...content, checksum: digest('sha256', JSON.stringify(content)) };
    await client.appendToStream(snapshotsOf('repaired'), jsonEvent({ type: 'AccountSnapshotTaken', data: data as never }));
    expect(outcomeOf(await ask(writer, 'repaired', reserve('a', 1n)))).toBe('done');
  });
});
