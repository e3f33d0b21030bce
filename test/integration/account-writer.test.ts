/** The command path of the ledger on a real event store: batches, races, lost answers, frozen and killed stores. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { AccountAuthenticator } from '../../src/accounts/account.authenticator.js';
import { AccountWriter, type Answer, DEFAULT_LIMITS } from '../../src/accounts/account-writer.js';
import { hashApiKey, newApiKey } from '../../src/accounts/api-key-secrets.js';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { AppendOutcomeUnknown, EventStoreUnavailable, WriteQueueFull } from '../../src/event-store/errors.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import { forkNode, startTemporaryNode, type TemporaryNode, temporaryDirectory } from '../support/event-store-node.js';
import { type AccountAudit, auditAccount } from '../support/ledger-audit.js';

const KEY = 'key-1';
const WRITER_PROCESS = fileURLToPath(new URL('../faults/writer-process.js', import.meta.url));
const clock = { now: () => Date.now() };

let node: TemporaryNode;
let client: EventStoreDBClient;
/** What a test opened, closed in reverse when it ends. */
const closings: (() => Promise<unknown>)[] = [];
const later = <T>(opened: T, close: (opened: T) => unknown): T => {
  closings.push(async () => close(opened));
  return opened;
};

beforeAll(async () => {
  node = await startTemporaryNode();
  client = EventStoreDBClient.connectionString(node.connectionString);
});
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});
afterAll(async () => {
  await client.dispose();
  await node.dispose();
});

const openStore = (url = node.connectionString, timeoutMs?: number): EventStore =>
  later(new EventStore(url, timeoutMs), (store) => store.close());
const openWriter = (limits: Partial<typeof DEFAULT_LIMITS> = {}, store = openStore(), at = clock): AccountWriter =>
  new AccountWriter(store, at, { ...DEFAULT_LIMITS, ...limits });

const cause = (commandId: string) => ({ commandId, correlationId: commandId, actor: { type: 'system', id: 'test' } }) as const;
const ask = (writer: AccountWriter, accountId: string, command: AccountCommand, commandId = idOf(command)): Promise<Answer> =>
  writer.execute(accountId, command, cause(commandId));

const open = (accountId: string): AccountCommand => ({ type: 'OpenAccount', accountId, username: 'u', tier: 'free' });
const issue = (keyId = KEY, secretHash = 'a'.repeat(64)): AccountCommand => ({
  type: 'IssueApiKey',
  keyId,
  secretHash,
  name: 'n',
  limit: undefined,
  limitReset: undefined,
  expiresAt: undefined,
});
const grant = (grantId: string, amount: bigint): AccountCommand => ({
  type: 'GrantCredits',
  grantId,
  kind: 'top_up',
  amount: nano(amount),
  priority: 50,
});
const reserve = (id: string, amount = 10n): AccountCommand => ({
  type: 'ReserveCredits',
  reservationId: id,
  generationId: id,
  keyId: KEY,
  amount: nano(amount),
  quote: { model: 'm', priceVersion: 'm@1', promptTokensMax: 1, completionTokensMax: 1 },
  settleWithinMs: 3_600_000,
});
const settle = (id: string, tokens: number): AccountCommand => ({
  type: 'SettleReservation',
  reservationId: id,
  model: 'm',
  cost: {
    exact: `${tokens}000`,
    rounded: `${tokens}`,
    lines: tokens === 0 ? [] : [{ class: 'output_visible', tokens, price: '1000', amount: `${tokens}000` }],
  },
  usage: { classes: { output_visible: tokens }, source: 'provider' },
  priceVersion: 'm@1',
  formulaVersion: 'usage@1',
  attempts: [],
  outcome: 'completed',
});
const release = (id: string): AccountCommand => ({ type: 'ReleaseReservation', reservationId: id, reason: 'provider_error' });

function idOf(command: AccountCommand): string {
  if ('reservationId' in command) return `${command.type}:${command.reservationId}`;
  if ('grantId' in command) return `grant:${command.grantId}`;
  return command.type;
}

/** An open account with a key and one lot. */
async function openAccount(accountId: string, credits: bigint, writer = openWriter()): Promise<string> {
  await ask(writer, accountId, open(accountId));
  await ask(writer, accountId, issue());
  if (credits > 0n) await ask(writer, accountId, grant('g-0', credits));
  return accountId;
}

const range = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
const outcomeOf = ({ rejection, events }: Answer): string => rejection?.reason ?? (events.length > 0 ? 'done' : 'done before');
const count = (outcomes: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};
const auditOf = (accountId: string): Promise<AccountAudit> => auditAccount(client, accountId);
const typesOf = ({ facts }: AccountAudit) => facts.map(({ type }) => type);

interface OtherProcess {
  readonly process: ChildProcess;
  /** All commands at once; without any, the account is only loaded. */
  ask(accountId: string, commands: readonly AccountCommand[], at?: number): Promise<string[]>;
}

async function startWriterProcess(connectionString = node.connectionString): Promise<OtherProcess> {
  const child = fork(WRITER_PROCESS, [connectionString]);
  later(child, async () => {
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  });
  await once(child, 'message');
  return {
    process: child,
    async ask(accountId, commands, at) {
      const answered = once(child, 'message');
      const message = { accountId, commands: commands.map((command) => ({ id: idOf(command), command })), at };
      child.send(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)));
      return (await answered)[0] as string[];
    },
  };
}

describe('batches', () => {
  test('commands that arrive together go out in few appends, and each gets its own answer', async () => {
    const store = openStore();
    const writer = openWriter({}, store);
    const account = await openAccount('batches', 10_000n, writer);
    const before = { ...store.counters };
    const ids = range(300, 'r');
    const answers = await Promise.all(ids.map((id) => ask(writer, account, reserve(id))));
    expect(answers.map(({ events }) => events.map(({ data }) => (data as { reservationId: string }).reservationId))).toEqual(
      ids.map((id) => [id]),
    );
    expect(store.counters.events - before.events).toBe(300);
    // The first goes alone, 200 fill a batch, 99 follow.
    expect(store.counters.appends - before.appends).toBe(3);
    expect((await auditOf(account)).ended('open')).toHaveLength(300);
  });

  test('a batch holds what is refused beside what is done, each decided on what the ones before it leave', async () => {
    const writer = openWriter();
    const account = await openAccount('mixed', 20n, writer);
    const answers = await Promise.all([
      ask(writer, account, reserve('first', 1n)),
      ask(writer, account, reserve('a')),
      ask(writer, account, reserve('too-much')),
      ask(writer, account, settle('a', 4)),
      ask(writer, account, reserve('b')),
      ask(writer, account, release('b')),
      ask(writer, account, release('b')),
      ask(writer, account, settle('never-made', 1)),
      ask(writer, account, grant('g-0', 21n)),
    ]);
    expect(answers.map(outcomeOf)).toEqual([
      'done',
      'done',
      'insufficient_credits',
      'done',
      'done',
      'done',
      'done before',
      'reservation_not_open',
      'grant_conflict',
    ]);
    const audit = await auditOf(account);
    expect([audit.spent, audit.held, audit.available()]).toEqual([4n, 1n, 15n]);
  });

  test('a cost above its hold is never paid from what another reservation holds', async () => {
    const writer = openWriter();
    const account = await openAccount('overrun', 21n, writer);
    const commands = [reserve('a'), reserve('b'), settle('a', 15), settle('b', 10)];
    const answers = await Promise.all(commands.map((command) => ask(writer, account, command)));
    expect(answers.map(outcomeOf)).toEqual(Array(4).fill('done'));
    expect(outcomeOf(await ask(writer, account, reserve('c', 1n)))).toBe('insufficient_credits');
    const owing = await auditOf(account);
    expect([owing.spent, owing.receivable, owing.free()]).toEqual([25n, 4n, 0n]);
    await ask(writer, account, grant('g-1', 10n));
    const repaid = await auditOf(account);
    expect([repaid.receivable, repaid.available()]).toEqual([0n, 6n]);
  });

  test('more commands than may wait are turned away, and nothing of them is written', async () => {
    const writer = openWriter({ queueMax: 5 });
    const account = await openAccount('busy', 1_000n, writer);
    const outcomes = await Promise.allSettled(range(20, 'r').map((id) => ask(writer, account, reserve(id))));
    const turnedAway = outcomes.filter(({ status }) => status === 'rejected');
    expect(turnedAway.every((outcome) => (outcome as PromiseRejectedResult).reason instanceof WriteQueueFull)).toBe(true);
    expect((await auditOf(account)).reservations.size).toBe(20 - turnedAway.length);
    expect(turnedAway).toHaveLength(14);
  });
});

describe('1,000 reservations at once where 50 fit', () => {
  const ids = range(1_000, 'r');
  const fifty = { done: 50, insufficient_credits: 950 };

  async function expectFifty(accountId: string, outcomes: readonly string[]): Promise<void> {
    expect(count(outcomes)).toEqual(fifty);
    const audit = await auditOf(accountId);
    expect([...audit.reservations.keys()].sort()).toEqual(ids.filter((_, index) => outcomes[index] === 'done').sort());
    expect([audit.held, audit.available()]).toEqual([500n, 0n]);
  }

  test.each([1, 2, 4])('%i writers in one process', async (writers) => {
    const account = await openAccount(`fifty-${writers}`, 500n);
    const all = Array.from({ length: writers }, () => openWriter());
    await Promise.all(all.map((writer) => writer.load(account)));
    const answers = await Promise.all(ids.map((id, index) => ask(all[index % writers] as AccountWriter, account, reserve(id))));
    await expectFifty(account, answers.map(outcomeOf));
  });

  test.each([2, 4])('%i processes', async (processes) => {
    const account = await openAccount(`fifty-in-${processes}`, 500n);
    const all = await Promise.all(Array.from({ length: processes }, () => startWriterProcess()));
    await Promise.all(all.map((other) => other.ask(account, [])));
    const shares = all.map((_, share) => ids.filter((_, index) => index % processes === share));
    const answers = await Promise.all(
      all.map((other, share) =>
        other.ask(
          account,
          (shares[share] as string[]).map((id) => reserve(id)),
        ),
      ),
    );
    await expectFifty(
      account,
      ids.map((_, index) => answers[index % processes]?.[Math.floor(index / processes)] as string),
    );
  });

  test('one after another, the state of each rests on the one before', async () => {
    const [a, b] = [openWriter(), openWriter()];
    const account = await openAccount('in-turn', 50n, a);
    const outcomes: string[] = [];
    for (const [index, id] of range(8, 'r').entries())
      outcomes.push(outcomeOf(await ask(index % 2 ? a : b, account, reserve(id))));
    expect(outcomes).toEqual([...Array(5).fill('done'), ...Array(3).fill('insufficient_credits')]);
    await auditOf(account);
  });
});

describe('another process writes', () => {
  test('a lost race reads what is new and decides again', async () => {
    const [ours, other] = [openWriter(), openWriter()];
    const account = await openAccount('race', 100n, ours);
    await ask(other, account, reserve('theirs', 95n));
    const [first, second] = await Promise.all([ask(ours, account, reserve('a', 5n)), ask(ours, account, reserve('b', 5n))]);
    expect([outcomeOf(first), outcomeOf(second)]).toEqual(['done', 'insufficient_credits']);
    expect((await auditOf(account)).available()).toBe(0n);
  });

  test('a refusal is decided on what the store holds now', async () => {
    const [ours, other] = [openWriter(), openWriter()];
    const account = await openAccount('fresh', 0n, ours);
    expect(outcomeOf(await ask(ours, account, reserve('a')))).toBe('insufficient_credits');
    await ask(other, account, grant('g-1', 10n));
    expect(outcomeOf(await ask(ours, account, reserve('b')))).toBe('done');
    await ask(other, account, settle('b', 0));
    expect(outcomeOf(await ask(ours, account, reserve('c')))).toBe('done');
  });

  test('a key that was revoked elsewhere reserves nothing', async () => {
    const [ours, other] = [openWriter(), openWriter()];
    const account = await openAccount('revoked', 100n, ours);
    await ask(other, account, { type: 'RevokeApiKey', keyId: KEY });
    expect((await ours.load(account)).account.keys.get(KEY)?.revoked).toBe(false);
    expect(outcomeOf(await ask(ours, account, reserve('a')))).toBe('key_not_usable');
    expect((await auditOf(account)).reservations.size).toBe(0);
  });

  test('a key that was issued elsewhere is found', async () => {
    const [ours, other] = [openWriter(), openWriter()];
    const account = await openAccount('issued', 100n, ours);
    const authenticator = new AccountAuthenticator(ours, clock);
    const { key, keyId, secretHash } = newApiKey(account);
    expect(await authenticator.authenticate(key)).toBeUndefined();
    await ask(other, account, issue(keyId, secretHash), 'issue');
    expect(await authenticator.authenticate(key)).toMatchObject({ accountId: account, keyId });
    expect(await authenticator.authenticate(`${key.slice(0, -2)}xx`)).toBeUndefined();
    expect(hashApiKey(key)).toBe(secretHash);
  });
});

describe('asked twice', () => {
  test('in one batch, across batches, and by another writer: one effect', async () => {
    const [ours, other] = [openWriter(), openWriter()];
    const account = await openAccount('twice', 100n, ours);
    const commands = [
      grant('g-1', 5n),
      grant('g-1', 5n),
      reserve('a'),
      reserve('a'),
      settle('a', 3),
      settle('a', 3),
      release('a'),
    ];
    const answers = await Promise.all(commands.map((command) => ask(ours, account, command)));
    expect(answers.map(outcomeOf)).toEqual(['done', 'done before', 'done', 'done before', 'done', 'done before', 'done before']);
    for (const writer of [ours, other]) {
      for (const command of [grant('g-1', 5n), settle('a', 3), settle('a', 7), release('a')]) {
        expect(outcomeOf(await ask(writer, account, command))).toBe('done before');
      }
      expect(outcomeOf(await ask(writer, account, grant('g-1', 6n)))).toBe('grant_conflict');
    }
    const audit = await auditOf(account);
    expect([audit.facts.length, audit.spent]).toEqual([6, 3n]);
  });

  test('a settlement that was repeated by a job in another process is charged once', async () => {
    const account = await openAccount('repeated', 1_000n);
    const ids = range(40, 'r');
    const ours = openWriter();
    await Promise.all(ids.map((id) => ask(ours, account, reserve(id))));
    const other = await startWriterProcess();
    await other.ask(account, []);
    const commands = ids.map((id) => settle(id, 7));
    const [answers, theirs] = await Promise.all([
      Promise.all(commands.map((command) => ask(ours, account, command))),
      other.ask(account, commands),
    ]);
    const outcomes = ids.map((_, index) => [outcomeOf(answers[index] as Answer), theirs[index]].sort());
    expect(outcomes).toEqual(ids.map(() => ['done', 'done before']));
    await ask(ours, account, reserve('after'));
    await other.ask(account, [settle('after', 1)]);
    const audit = await auditOf(account);
    expect([audit.ended('settled').length, audit.spent, audit.held]).toEqual([41, 281n, 0n]);
  });

  test.each([0, 1_000])('by two writers at the same revision, %i ms apart: one chain', async (apart) => {
    const account = await openAccount(`same-revision-${apart}`, 100n);
    const now = Date.now() + 1_000;
    const [a, b] = [openWriter({}, openStore(), { now: () => now }), openWriter({}, openStore(), { now: () => now + apart })];
    await Promise.all([a.load(account), b.load(account)]);
    // Each request has a correlation of its own, as two attempts of one client have.
    const asked = [
      await a.execute(account, grant('g-1', 5n), { ...cause('grant:g-1'), correlationId: 'one attempt' }),
      await b.execute(account, grant('g-1', 5n), { ...cause('grant:g-1'), correlationId: 'another' }),
    ];
    expect(asked.map(outcomeOf)).toEqual(['done', 'done before']);
    await ask(b, account, reserve('after'));
    await auditOf(account);
  });

  test('another grant under the same id, from a writer that does not know of the first, is a conflict', async () => {
    const account = await openAccount('conflict', 0n);
    const [a, b] = [openWriter(), openWriter()];
    await Promise.all([a.load(account), b.load(account)]);
    expect(outcomeOf(await ask(a, account, grant('g-1', 1n)))).toBe('done');
    expect(outcomeOf(await ask(b, account, grant('g-1', 1_000n)))).toBe('grant_conflict');
    expect(outcomeOf(await ask(b, account, reserve('too-much', 1_000n)))).toBe('insufficient_credits');
    await auditOf(account);
  });
});

/** Passes bytes between a client and the node, until it is told to hold them back or to cut. */
interface Proxy {
  readonly url: string;
  /** Answers of the node are kept. */
  holdAnswers(): void;
  /** What clients send is kept: it may still arrive later, in the order in which it was sent. */
  holdRequests(): void;
  /** Lets go what was kept, and what comes. */
  flow(): void;
  /** What was kept is lost, and the connections with it. */
  drop(): void;
  /** The clients lose their connections; what they sent still goes to the node, what it answers is lost. */
  cut(): void;
  /** Settles when the node has sent, or a client has asked, something that is kept. */
  kept(): Promise<void>;
}

async function startProxy(port: number): Promise<Proxy> {
  let holding: 'nothing' | 'answers' | 'requests' = 'nothing';
  let wakeKept: () => void = () => undefined;
  let kept = Promise.resolve();
  let release: (() => void)[] = [];
  const clients = new Set<Socket>();
  const pass = (from: Socket, to: Socket, what: 'answers' | 'requests') => {
    from.on('data', (bytes) => {
      if (holding !== what && !waiting.has(to)) return void (to.destroyed || to.write(bytes));
      const queue = waiting.get(to) ?? [];
      waiting.set(to, queue);
      queue.push(bytes);
      wakeKept();
    });
  };
  const waiting = new Map<Socket, Buffer[]>();
  const server = createServer((downstream) => {
    const upstream = connect(port, '127.0.0.1');
    clients.add(downstream);
    for (const socket of [downstream, upstream]) socket.setNoDelay(true).on('error', () => undefined);
    pass(downstream, upstream, 'requests');
    pass(upstream, downstream, 'answers');
    downstream.on('close', () => {
      clients.delete(downstream);
      waiting.delete(downstream);
      const end = () => upstream.end();
      if (waiting.has(upstream)) release.push(end);
      else end();
    });
    upstream.on('close', () => downstream.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  later(server, async () => {
    for (const socket of clients) socket.destroy();
    for (const socket of waiting.keys()) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  const hold = (what: 'answers' | 'requests') => {
    holding = what;
    kept = new Promise((resolve) => {
      wakeKept = resolve;
    });
  };
  const cut = () => {
    holding = 'nothing';
    for (const socket of clients) socket.destroy();
  };
  return {
    url: `esdb://127.0.0.1:${(server.address() as { port: number }).port}?tls=false`,
    holdAnswers: () => hold('answers'),
    holdRequests: () => hold('requests'),
    flow() {
      holding = 'nothing';
      for (const [socket, queue] of waiting) if (!socket.destroyed) socket.write(Buffer.concat(queue));
      waiting.clear();
      for (const end of release) end();
      release = [];
    },
    drop() {
      waiting.clear();
      for (const end of release) end();
      release = [];
      cut();
    },
    cut,
    kept: () => kept,
  };
}

/** Resolves when the stream has an event of this revision. */
async function stored(accountId: string, revision: bigint): Promise<void> {
  const subscription = client.subscribeToStream(`account-${accountId}`, { fromRevision: revision - 1n });
  for await (const { event } of subscription) if (event?.revision === revision) break;
}

/** Asks until there is a connection again. */
async function reachable<T>(asked: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await asked();
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable)) throw error;
    }
  }
}

describe('an append whose outcome is unknown', () => {
  test('the answer is lost after the commit: the same command has one effect', async () => {
    const proxy = await startProxy(node.port);
    const writer = openWriter({}, openStore(proxy.url));
    const account = await openAccount('lost-answer', 100n, writer);
    for (const [round, id] of range(3, 'r').entries()) {
      proxy.holdAnswers();
      const answer = ask(writer, account, reserve(id));
      await stored(account, BigInt(3 + 2 * round));
      proxy.cut();
      expect(outcomeOf(await answer)).toBe('done');
      expect(outcomeOf(await ask(writer, account, settle(id, 1)))).toBe('done');
    }
    const audit = await auditOf(account);
    expect([audit.facts.length, audit.spent]).toEqual([9, 3n]);
  });

  test('another process writes after it before it is repeated: it is known as ours', async () => {
    const proxy = await startProxy(node.port);
    const other = await startWriterProcess();
    const writer = openWriter({}, openStore(proxy.url));
    const account = await openAccount('overtaken', 100n, writer);
    proxy.holdAnswers();
    const answers = Promise.all([ask(writer, account, reserve('a')), ask(writer, account, reserve('b'))]);
    await stored(account, 3n);
    expect(await other.ask(account, [reserve('theirs', 85n)])).toEqual(['done']);
    proxy.cut();
    expect((await answers).map(outcomeOf)).toEqual(['done', 'insufficient_credits']);
    expect(outcomeOf(await ask(writer, account, settle('a', 10)))).toBe('done');
    const audit = await auditOf(account);
    expect(typesOf(audit).slice(3)).toEqual(['CreditsReserved', 'CreditsReserved', 'ReservationSettled']);
  });

  test('the network holds it until it is too late: what arrives after its repetition changes nothing', async () => {
    const proxy = await startProxy(node.port);
    const writer = openWriter({}, openStore(proxy.url));
    const account = await openAccount('late', 100n, writer);
    proxy.holdRequests();
    const answer = ask(writer, account, reserve('a'));
    await proxy.kept();
    proxy.cut();
    expect(outcomeOf(await answer)).toBe('done');
    expect(outcomeOf(await ask(writer, account, settle('a', 2)))).toBe('done');
    const { length } = (await auditOf(account)).facts;
    proxy.flow();
    expect(outcomeOf(await ask(openWriter(), account, reserve('b')))).toBe('done');
    const audit = await auditOf(account);
    expect([length, audit.facts.length]).toEqual([5, 6]);
  });

  test('nobody answers for too long: that is said, and the command can be asked again for its one effect', async () => {
    const proxy = await startProxy(node.port);
    const writer = openWriter({ retryForMs: 250 }, openStore(proxy.url, 300));
    const account = await openAccount('given-up', 100n, openWriter());
    await writer.load(account);
    proxy.holdRequests();
    await expect(ask(writer, account, reserve('a'))).rejects.toThrow(AppendOutcomeUnknown);
    proxy.cut();
    expect(outcomeOf(await ask(writer, account, reserve('a')))).toBe('done');
    proxy.holdAnswers();
    await expect(ask(writer, account, settle('a', 4))).rejects.toThrow(AppendOutcomeUnknown);
    await stored(account, 4n);
    proxy.cut();
    expect(outcomeOf(await ask(writer, account, settle('a', 4)))).toBe('done before');
    expect(outcomeOf(await ask(writer, account, reserve('b')))).toBe('done');
    expect((await auditOf(account)).spent).toBe(4n);
  });

  test('what is being appended is seen by nobody, and is gone where it was not stored', async () => {
    const proxy = await startProxy(node.port);
    const writer = openWriter({ retryForMs: 1 }, openStore(proxy.url, 300));
    const account = await openAccount('unseen', 100n, openWriter());
    await writer.load(account);
    for (const round of ['one', 'two']) {
      // The first goes alone and is stored; the three behind it share an append that gets no further than the proxy.
      const first = ask(writer, account, grant(round, 1n)).then(() => proxy.holdRequests());
      const asked = range(3, round).map((id) => ask(writer, account, reserve(id)).catch((error: unknown) => error));
      await first;
      await proxy.kept();
      expect((await writer.load(account)).account.reservations.size).toBe(0);
      for (const outcome of await Promise.all(asked)) expect(outcome).toBeInstanceOf(AppendOutcomeUnknown);
      proxy.drop();
      expect((await reachable(() => writer.refresh(account))).account.reservations.size).toBe(0);
    }
    expect(outcomeOf(await ask(writer, account, reserve('e', 100n)))).toBe('done');
    expect((await auditOf(account)).held).toBe(100n);
  });

  test('an answer, a refusal too, waits for what it rests on to be durable', async () => {
    const proxy = await startProxy(node.port);
    const writer = openWriter({}, openStore(proxy.url));
    const account = await openAccount('waits', 10n, writer);
    let answered = 0;
    const tell = <T>(answer: T) => {
      answered += 1;
      return answer;
    };
    proxy.holdRequests();
    const answers = [
      ask(writer, account, reserve('fits')).then(tell),
      ask(writer, account, reserve('fits-no-more')).then(tell),
      ask(writer, account, settle('fits', 3)).then(tell),
      ask(writer, account, grant('g-0', 10n)).then(tell),
    ];
    await proxy.kept();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(answered).toBe(0);
    proxy.flow();
    expect((await Promise.all(answers)).map(outcomeOf)).toEqual(['done', 'insufficient_credits', 'done', 'done before']);
    await auditOf(account);
  });
});

describe('a store that dies or freezes', () => {
  async function startNode() {
    const dataDir = await temporaryDirectory();
    closings.push(() => rm(dataDir, { recursive: true }));
    const start = async (port?: number) => {
      const forked = await forkNode(dataDir, port);
      later(forked, async () => forked.process.exitCode === null && forked.process.signalCode === null && forked.kill());
      return forked;
    };
    const first = await start();
    return { first, again: () => start(first.port) };
  }

  const auditAt = async (url: string, accountId: string): Promise<AccountAudit> => {
    const reader = later(EventStoreDBClient.connectionString(url), (each) => each.dispose());
    return auditAccount(reader, accountId);
  };

  test('an answered command is on disk in the moment of its answer', async () => {
    const { first, again } = await startNode();
    let forked = first;
    const store = openStore(first.connectionString);
    const account = await openAccount('durable', 10n, openWriter({}, store));
    for (const round of ['one', 'two', 'three']) {
      const writer = openWriter({}, store);
      await writer.load(account);
      const killAt = (answer: Answer) => {
        forked.process.kill('SIGKILL');
        return answer;
      };
      // The first goes alone; the two after it share a batch, so that both are answered by one commit.
      const [, done, refused] = await Promise.all([
        ask(writer, account, reserve(round, 1n)),
        ask(writer, account, grant(round, 1n)).then(killAt),
        ask(writer, account, grant(round, 2n)).then(killAt),
      ]);
      await forked.kill();
      forked = await again();
      expect([outcomeOf(done), outcomeOf(refused)]).toEqual(['done', 'grant_conflict']);
      expect((await auditAt(first.connectionString, account)).grants.has(round)).toBe(true);
    }
  });

  test('killed under load, again and again: no answer is lost, nothing has two effects', async () => {
    const { first, again } = await startNode();
    let forked = first;
    const other = await startWriterProcess(first.connectionString);
    const writer = openWriter({}, openStore(first.connectionString));
    const account = await openAccount('killed', 100_000n, writer);
    const done: string[] = [];
    const pay = async (id: string) => {
      expect(outcomeOf(await ask(writer, account, reserve(id)))).toBe('done');
      expect(outcomeOf(await ask(writer, account, settle(id, 7)))).toBe('done');
      done.push(id);
    };
    for (const round of [0, 1, 2]) {
      const mine = range(60, `ours-${round}`);
      const theirs = range(30, `theirs-${round}`);
      const load = Promise.all([
        ...mine.map(pay),
        other.ask(
          account,
          theirs.map((id) => reserve(id)),
        ),
      ]);
      await forked.kill();
      forked = await again();
      expect((await load).at(-1)).toEqual(theirs.map(() => 'done'));
    }
    const audit = await auditAt(first.connectionString, account);
    expect(
      audit
        .ended('settled')
        .map(({ reservationId }) => reservationId)
        .sort(),
    ).toEqual(done.sort());
    expect([audit.spent, audit.ended('open').length]).toEqual([7n * 180n, 90]);
  });

  test('frozen: our own timer ends the wait; thawed: what was asked again is done once', async () => {
    const { first } = await startNode();
    const limits = { retryForMs: 1 };
    const writer = openWriter(limits, openStore(first.connectionString, 400));
    const account = await openAccount('frozen', 1_000n, openWriter({}, openStore(first.connectionString)));
    const ids = range(20, 'r');
    await writer.load(account);
    first.process.kill('SIGSTOP');
    const asked = await Promise.allSettled(ids.map((id) => ask(writer, account, reserve(id))));
    first.process.kill('SIGCONT');
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true);
    const patient = openWriter({}, openStore(first.connectionString));
    for (const each of [writer, patient, writer]) {
      const answers = await Promise.all(ids.map((id) => ask(each, account, reserve(id))));
      expect(answers.map(({ rejection }) => rejection)).toEqual(ids.map(() => undefined));
    }
    expect((await auditAt(first.connectionString, account)).held).toBe(200n);
  });
});

describe('the cache', () => {
  test('accounts that are thrown out while they work lose nothing', async () => {
    const writer = openWriter({ cacheBytesMax: 15_000 });
    const accounts = await Promise.all(range(12, 'evicted').map((account) => openAccount(account, 100n, openWriter())));
    const answers = await Promise.all(
      range(20, 'r').flatMap((id) => accounts.map((account) => ask(writer, account, reserve(`${account}-${id}`)))),
    );
    expect(count(answers.map(outcomeOf))).toEqual({ done: 120, insufficient_credits: 120 });
    const settled = accounts.flatMap((account) =>
      range(20, 'r').map((id) => ask(writer, account, settle(`${account}-${id}`, 3))),
    );
    expect(count((await Promise.all(settled)).map(outcomeOf))).toEqual({ done: 120, reservation_not_open: 120 });
    for (const account of accounts) expect((await auditOf(account)).spent).toBe(30n);
  });

  test.each(['written', 'loaded'] as const)('an account weighs what it holds when it was %s', async (how) => {
    const other = openWriter();
    const writer = openWriter({ cacheBytesMax: 30_000 });
    const light = await openAccount(`light-${how}`, 10n);
    const heavy = await openAccount(`heavy-${how}`, 1_000n);
    await writer.load(light);
    await Promise.all(range(80, 'r').map((id) => ask(how === 'written' ? writer : other, heavy, reserve(id))));
    await writer.load(heavy);
    await ask(other, light, grant('g-1', 1n));
    // Both together weigh more than the cache may: the one that was used last stays.
    expect((await writer.load(light)).account.grants.has('g-1')).toBe(true);
  });

  test('an account heavier than the whole cache stays until another is used', async () => {
    const [writer, other] = [openWriter({ cacheBytesMax: 15_000 }), openWriter()];
    const heavy = await openAccount('heavier', 1_000n);
    await Promise.all(range(80, 'r').map((id) => ask(writer, heavy, reserve(id))));
    await ask(other, heavy, grant('g-1', 1n));
    expect((await writer.load(heavy)).account.grants.has('g-1')).toBe(false);
    await writer.load(await openAccount('light-after', 1n));
    expect((await writer.load(heavy)).account.grants.has('g-1')).toBe(true);
  });
});
