/** Named requests that meet several processes on one event store and one database, and processes that die in between. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { AccountWriter } from '../../src/accounts/account-writer.js';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { canonicalJson } from '../../src/event-store/canonical-json.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { openIdempotentRequests, principalScope } from '../../src/idempotency/index.js';
import { release, settle } from '../support/account-story.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type Answered, ask, chat, chatPath, eventually, type Json } from './http.js';

const V1 = chatPath('v1');
const ACCOUNTS = '/api/v3/admin/accounts';
const AT_ONCE = 20;

let node: TemporaryNode;
let store: EventStore;
let accounts: AccountWriter;
let upstream: FakeUpstream;
let database: Client;
let one: Gateway;
let two: Gateway;
let customer: Customer;
let start: () => Promise<Gateway>;
let databaseUrl: string;
/** How the provider answers a prompt, beyond its directives. */
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
  accounts = new AccountWriter(store, { now: () => Date.now() });
  databaseUrl = await createDatabase();
  database = new Client({ connectionString: databaseUrl });
  await database.connect();
  start = async () => {
    const gateway = await startGateway({ upstream, env: { EVENTSTORE_URL: node.connectionString, DATABASE_URL: databaseUrl } });
    beforeStop(() => gateway.dispose());
    return gateway;
  };
  beforeStop(() => database.end());
  [one, two] = await Promise.all([start(), start()]);
  customer = await one.admin.openCustomer();
});

afterAll(async () => {
  await upstream?.close();
  await store?.close();
  await node?.dispose();
});

const named = (gateway: Gateway, key: string, body: object, path = V1, apiKey = customer.key) =>
  ask(gateway, path, { key: apiKey, body, headers: { 'idempotency-key': key } });
const reasonOf = ({ status, json }: Answered): Json => [status, json?.error?.code];

/** The account's events of these types, oldest first. */
async function eventsOf(userId: string, ...types: string[]): Promise<Json[]> {
  const events: Json[] = [];
  for await (const { type, data } of store.read(accountStream(userId)))
    if (types.includes(type)) events.push({ ...(data as object), type });
  return events;
}

/** The events of one generation. */
const eventsOfGeneration = async (generationId: string): Promise<string[]> => {
  const events = await eventsOf(customer.userId, 'CreditsReserved', 'ReservationSettled', 'ReservationReleased');
  return events.filter((event) => event.generationId === generationId).map(({ type }) => type);
};

/** As a minute without a sign of the process that runs them. */
const lapse = () =>
  database.query("UPDATE idempotency.requests SET lease_until = now() - interval '1 second' WHERE state = 'running'");

const openReservation = async (): Promise<string> => {
  const { account } = await accounts.refresh(customer.userId);
  const [id, ...others] = account.reservations.keys();
  expect(others).toEqual([]);
  return id as string;
};

describe('two processes', () => {
  it('serve a named request once, whichever is asked, however many ask at once', async () => {
    const key = randomUUID();
    const held = gate();
    behaviours.set('raced for', { beforeHeaders: held.opened });
    const calls = upstream.calls.length;
    const asked = Array.from({ length: AT_ONCE }, (_, index) => named(index % 2 === 0 ? one : two, key, chat('raced for')));
    await upstream.call(calls);
    // All but the one that runs have been refused before it ends.
    const refused = asked.map((answer) => answer.then(({ status }) => status === 409));
    let seen = 0;
    const others = new Promise<void>((resolve) => {
      for (const one of refused) void one.then((is) => is && ++seen === AT_ONCE - 1 && resolve());
    });
    await others;
    held.open();
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(AT_ONCE - 1).fill(409)]);
    expect(upstream.calls).toHaveLength(calls + 1);

    const served = answers.find(({ status }) => status === 200) as Answered;
    for (const gateway of [one, two]) {
      const again = await named(gateway, key, chat('raced for'));
      expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([200, served.text, 'true']);
    }
    expect(upstream.calls).toHaveLength(calls + 1);
    expect(await eventsOfGeneration(served.json.id)).toEqual(['CreditsReserved', 'ReservationSettled']);
  });

  it('find the reservation made where PostgreSQL has lost the claim', async () => {
    const key = randomUUID();
    const held = gate();
    behaviours.set('row lost', { beforeHeaders: held.opened });
    const calls = upstream.calls.length;
    const running = named(one, key, chat('row lost'));
    await upstream.call(calls);
    await database.query('DELETE FROM idempotency.requests');
    expect(reasonOf(await named(two, key, chat('row lost')))).toEqual([409, 'idempotency_key_in_use']);
    held.open();
    const { json } = await running;
    await database.query('DELETE FROM idempotency.requests');
    expect(reasonOf(await named(two, key, chat('row lost')))).toEqual([409, 'idempotency_key_in_use']);
    const later = await named(two, key, chat('row lost'));
    expect(reasonOf(later)).toEqual([409, 'idempotency_answer_not_kept']);
    expect(later.json.error.metadata.generation_id).toBe(json.id);
    expect(upstream.calls).toHaveLength(calls + 1);
  });
});

describe('a process that dies', () => {
  /** A named call that its process has not finished when it is killed. */
  async function killedWhileItRan(prompt: string, key: string): Promise<string> {
    behaviours.set(prompt, { beforeHeaders: gate().opened });
    const victim = await start();
    const calls = upstream.calls.length;
    const answer = named(victim, key, chat(prompt));
    answer.catch(() => undefined);
    await upstream.call(calls);
    await victim.kill();
    await expect(answer).rejects.toThrow();
    behaviours.delete(prompt);
    return openReservation();
  }

  it('is waited for until its lease has lapsed and its reservation has ended; given back, the request runs', async () => {
    const key = randomUUID();
    const generationId = await killedWhileItRan('killed, given back', key);
    const calls = upstream.calls.length;
    const retry = () => named(one, key, chat('killed, given back'));
    const refused = await retry();
    expect(reasonOf(refused)).toEqual([409, 'idempotency_key_in_use']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await lapse();
    expect(reasonOf(await retry())).toEqual([409, 'idempotency_key_in_use']);
    expect(upstream.calls).toHaveLength(calls);

    await accounts.execute(customer.userId, release(generationId), causeOf(`release:${generationId}`));
    const served = await retry();
    expect([served.status, served.headers.get('idempotent-replayed'), upstream.calls.length]).toEqual([200, null, calls + 1]);
    expect(served.json.id).not.toBe(generationId);
    expect((await named(two, key, chat('killed, given back'))).text).toBe(served.text);
    expect(await eventsOfGeneration(generationId)).toEqual(['CreditsReserved', 'ReservationReleased']);
    expect(await eventsOfGeneration(served.json.id)).toEqual(['CreditsReserved', 'ReservationSettled']);
  });

  it('after the charge and before the answer was kept: the request is never charged again', async () => {
    const key = randomUUID();
    const generationId = await killedWhileItRan('killed, charged', key);
    const calls = upstream.calls.length;
    await accounts.execute(customer.userId, settle(generationId, 1n), causeOf(`settle:${generationId}`));
    await lapse();
    for (const gateway of [one, two, one]) {
      const refused = await named(gateway, key, chat('killed, charged'));
      expect(reasonOf(refused)).toEqual([409, 'idempotency_answer_not_kept']);
      expect(refused.json.error.metadata.generation_id).toBe(generationId);
    }
    expect(upstream.calls).toHaveLength(calls);
    expect(reasonOf(await named(one, key, chat('another')))).toEqual([422, 'idempotency_key_reused']);
  });

  it('before it reserved: the request runs as the same attempt, of which the ledger takes one', async () => {
    const key = randomUUID();
    const body = chat('claimed by the dead');
    const dead = openIdempotentRequests(databaseUrl);
    const { userId: accountId, hash } = customer;
    const scope = principalScope({
      accountId,
      keyId: hash.slice(0, 16),
      kind: 'inference',
      tier: '',
      username: '',
      position: 0n,
    });
    const content = `POST ${V1}\n${canonicalJson(body)}`;
    const claimed = await dead.claim({ scope, key, credential: customer.key, content });
    await dead.close();
    expect(reasonOf(await named(one, key, body))).toEqual([409, 'idempotency_key_in_use']);
    await lapse();
    const calls = upstream.calls.length;
    const asked = await Promise.all([one, two, one, two].map((gateway) => named(gateway, key, body)));
    const served = asked.filter(({ status }) => status === 200);
    expect([served.length > 0, upstream.calls.length]).toEqual([true, calls + 1]);
    expect(asked.every((answer) => answer.status === 200 || reasonOf(answer)[1] === 'idempotency_key_in_use')).toBe(true);
    if (!('claim' in claimed)) throw new Error('the key was claimed before');
    for (const { json } of served) expect(json.id).toBe(claimed.claim.generationId);
  });

  it('only in appearance, because it was frozen, keeps its claim and its answer', async () => {
    const key = randomUUID();
    const held = gate();
    behaviours.set('frozen', { beforeHeaders: held.opened });
    const slow = await start();
    const calls = upstream.calls.length;
    const answer = named(slow, key, chat('frozen'));
    await upstream.call(calls);
    process.kill(slow.pid, 'SIGSTOP');
    await lapse();
    expect(reasonOf(await named(one, key, chat('frozen')))).toEqual([409, 'idempotency_key_in_use']);
    process.kill(slow.pid, 'SIGCONT');
    held.open();
    const served = await answer;
    expect(served.status).toBe(200);
    const again = await named(one, key, chat('frozen'));
    expect([again.status, again.text, upstream.calls.length]).toEqual([200, served.text, calls + 1]);
  });
});

describe('the administration', () => {
  const write = (gateway: Gateway, key: string, path: string, body?: object, method = 'POST') =>
    ask(gateway, path, { method, key: ADMIN_TOKEN, headers: { 'idempotency-key': key }, ...(body && { body }) });

  /** Writes twice, at different processes: the second answer is the first one. */
  async function twice(path: string, body?: object, method?: string): Promise<Json> {
    const key = randomUUID();
    const first = await write(one, key, path, body, method);
    expect(first.status).toBeLessThan(300);
    const again = await write(two, key, path, body, method);
    expect([again.status, again.text, again.headers.get('idempotent-replayed')]).toEqual([first.status, first.text, 'true']);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    return first.json;
  }

  it('opens, grants, issues and revokes once', async () => {
    const { user_id } = await twice(ACCOUNTS, { username: 'twice', tier: 'premium' });
    await twice(`${ACCOUNTS}/${user_id}/grants`, { grant_id: 'g', amount: '5', kind: 'top_up' });
    const { key, hash } = await twice(`${ACCOUNTS}/${user_id}/keys`, { name: 'twice' });
    expect((await ask(one, '/quota', { key })).status).toBe(200);
    await twice(`${ACCOUNTS}/${user_id}/keys/${hash}`, undefined, 'DELETE');
    const events = await eventsOf(user_id, 'AccountOpened', 'ApiKeyIssued', 'ApiKeyRevoked', 'CreditsGranted');
    expect(events.filter(({ type, grantId }) => type !== 'CreditsGranted' || grantId === 'g').map(({ type }) => type)).toEqual([
      'AccountOpened',
      'CreditsGranted',
      'ApiKeyIssued',
      'ApiKeyRevoked',
    ]);
  });

  it('publishes a model once, though other prices came after it', async () => {
    const publish = (key: string, completion: string) => {
      const prices = { prompt: '0.0000001', completion };
      const body = { name: 'Twice', context_length: 1000, max_completion_tokens: 100, prices };
      const routes = [{ provider: 'openai', upstream_model: 'gpt-5-nano' }];
      return write(one, key, '/api/v3/admin/models/acme/twice', { ...body, routes }, 'PUT');
    };
    const key = randomUUID();
    const first = await publish(key, '0.0000004');
    const second = await publish(randomUUID(), '0.0000005');
    expect([first.json.price_version, second.json.price_version]).toEqual(['acme/twice@1', 'acme/twice@2']);
    expect((await publish(key, '0.0000004')).text).toBe(first.text);
    const { json } = await ask(one, '/v1/models');
    expect(json.data.find(({ id }: Json) => id === 'acme/twice').pricing.completion).toBe('0.0000005');
  });

  it('names the same account and key where its process died before the answer was kept', async () => {
    const key = randomUUID();
    const opened = await write(one, key, ACCOUNTS, { username: 'died', tier: 'premium' });
    await lose();
    const again = await write(two, key, ACCOUNTS, { username: 'died', tier: 'premium' });
    expect([again.status, again.json.user_id]).toEqual([201, opened.json.user_id]);
    const userId = opened.json.user_id;
    const keys = `${ACCOUNTS}/${userId}/keys`;
    const issued = await write(one, key.slice(1), keys, { name: 'died' });
    await lose();
    const issuedAgain = await write(two, key.slice(1), keys, { name: 'died' });
    expect([issuedAgain.status, issuedAgain.json.key]).toEqual([201, issued.json.key]);
    expect((await eventsOf(userId, 'AccountOpened', 'ApiKeyIssued')).map(({ type }) => type)).toEqual([
      'AccountOpened',
      'ApiKeyIssued',
    ]);

    // Another name, or another request under it, is another account.
    await lose();
    const others = [
      await write(one, randomUUID(), ACCOUNTS, { username: 'died', tier: 'premium' }),
      await write(one, key, ACCOUNTS, { username: 'other', tier: 'premium' }),
    ].map(({ json }) => json.user_id);
    expect(new Set([userId, ...others]).size).toBe(3);
  });

  it('refuses the same key for another write, and keeps no refusal', async () => {
    const key = randomUUID();
    const userId = await one.admin.openAccount();
    const grants = `${ACCOUNTS}/${userId}/grants`;
    expect((await write(one, key, grants, { amount: '5', kind: 'top_up' })).status).toBe(400);
    const first = await write(one, key, grants, { grant_id: 'g', amount: '5', kind: 'top_up' });
    expect(first.status).toBe(201);
    expect(reasonOf(await write(one, key, grants, { grant_id: 'g', amount: '6', kind: 'top_up' }))).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect((await write(one, 'two words', grants, { grant_id: 'h', amount: '5', kind: 'top_up' })).status).toBe(400);
  });

  it('tells nobody without its token what was asked under a key', async () => {
    const key = randomUUID();
    const body = { username: 'secret', tier: 'premium' };
    expect((await write(one, key, ACCOUNTS, body)).status).toBe(201);
    const stranger = await ask(one, ACCOUNTS, { key: 'not-the-token', body, headers: { 'idempotency-key': key } });
    expect([stranger.status, stranger.headers.get('idempotent-replayed')]).toEqual([401, null]);
  });

  /** PostgreSQL forgets, as if no answer had ever been stored. */
  const lose = () => eventually(() => database.query('DELETE FROM idempotency.requests'));
});

const causeOf = (commandId: string) => ({ commandId, correlationId: commandId, actor: { type: 'job', id: 'test' } }) as const;
