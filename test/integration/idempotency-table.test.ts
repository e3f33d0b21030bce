/** The rows of named requests in a real PostgreSQL: who may run, for how long, and when they are forgotten. */
import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Client } from 'pg';
import { ApiError } from '../../src/http/api-error.js';
import { type Claim, type FormerEnd, type IdempotentRequests, openIdempotentRequests } from '../../src/idempotency/index.js';
import { type NamedRequest } from '../../src/idempotency/request-secrets.js';
import { RequestsTable } from '../../src/idempotency/requests-table.js';
import { eventually } from '../e2e/http.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

const KEPT = { status: 200, contentType: 'application/json', body: '{"a":"ü"}' };

let databaseUrl: string;
let database: Client;
let requests: IdempotentRequests;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  database = new Client({ connectionString: databaseUrl });
  await database.connect();
  beforeStop(() => database.end());
  requests = openIdempotentRequests(databaseUrl);
  beforeStop(() => requests.close());
});

const named = (content = 'POST /\n{}'): NamedRequest => ({ scope: 'key/a/1', key: randomUUID(), credential: 'secret', content });

async function claimOf(request: NamedRequest, end?: FormerEnd): Promise<Claim> {
  const claimed = await requests.claim(request, end && (async () => end));
  if (!('claim' in claimed)) throw new Error('it has an answer');
  return claimed.claim;
}

/** The refusal of a claim: its code, and the generation that it names. */
const refusal = (request: NamedRequest, end?: FormerEnd) =>
  claimOf(request, end).then(
    () => 'claimed',
    (error: ApiError) => (error instanceof ApiError ? error.code : Promise.reject(error)),
  );

const hoursPass = (hours: number) =>
  database.query(
    `UPDATE idempotency.requests SET since = since - $1 * interval '1 hour', expires_at = expires_at - $1 * interval '1 hour',
       lease_until = lease_until - $1 * interval '1 hour'`,
    [hours],
  );
const rows = async (): Promise<number> =>
  Number((await database.query('SELECT count(*) FROM idempotency.requests')).rows[0].count);

test('processes that start at once on an empty database make one table', async () => {
  const url = await createDatabase();
  const tables = Array.from({ length: 8 }, () => new RequestsTable(url, () => undefined));
  beforeStop(() => Promise.all(tables.map((table) => table.close())));
  const id = randomBytes(32);
  const claims = await Promise.all(tables.map((table) => table.claim(id, id, randomBytes(16))));
  expect(claims.filter((row) => row?.ours)).toHaveLength(1);
});

test('nothing is forgotten, and no table made, before the first request is named', async () => {
  const url = await createDatabase();
  const table = new RequestsTable(url, () => undefined);
  beforeStop(() => table.close());
  expect(await table.forget(1)).toBe(0);
  const client = new Client({ connectionString: url });
  await client.connect();
  beforeStop(() => client.end());
  const { rows: found } = await client.query(`SELECT to_regclass('idempotency.requests') AS table`);
  expect(found).toEqual([{ table: null }]);
});

test('of many claims at once one is given', async () => {
  const request = named();
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => refusal(request)));
  expect(outcomes.filter((outcome) => outcome === 'claimed')).toHaveLength(1);
  expect(new Set(outcomes)).toEqual(new Set(['claimed', 'idempotency_key_in_use']));
});

describe('an end', () => {
  test('kept is the answer for a day; then the key is new', async () => {
    const request = named();
    await (await claimOf(request)).keep(KEPT);
    await hoursPass(23);
    expect(await requests.claim(request)).toEqual({ answer: KEPT });
    expect(await refusal({ ...request, content: 'POST /\n{"b":1}' })).toBe('idempotency_key_reused');
    await hoursPass(2);
    expect(await refusal({ ...request, content: 'POST /\n{"b":1}' })).toBe('claimed');
    // The day of its first claim, by which its generations are named, is this one.
    const { rows } = await database.query('SELECT now() - since < $1 AS new FROM idempotency.requests', ['1 hour']);
    expect(rows).toContainEqual({ new: true });
  });

  test('free lets the next request run as another attempt, whatever it asks', async () => {
    const request = named();
    const first = await claimOf(request);
    await first.free();
    const second = await claimOf({ ...request, content: 'POST /\n{"b":1}' });
    expect(second.generationId).not.toBe(first.generationId);
    expect(await refusal(request)).toBe('idempotency_key_reused');
  });

  test('not kept is said, with the generation where there is one', async () => {
    const request = named();
    const claim = await claimOf(request);
    await claim.keep({ ...KEPT, body: 'x'.repeat(8 * 1024 * 1024 + 1) });
    await expect(claimOf(request, 'charged')).rejects.toMatchObject({
      code: 'idempotency_answer_not_kept',
      details: { metadata: { generation_id: claim.generationId } },
    });
  });

  test.each<[FormerEnd, string, boolean]>([
    ['open', 'idempotency_key_in_use', false],
    ['charged', 'idempotency_answer_not_kept', false],
    ['released', 'claimed', false],
    ['never_made', 'claimed', true],
  ])('left to the ledger, which says %s: %s', async (end, outcome, sameGeneration) => {
    const request = named();
    const first = await claimOf(request);
    await first.leave();
    expect(await refusal({ ...request, content: 'another' }, end)).toBe('idempotency_key_reused');
    const next = await claimOf(request, end).catch((error: ApiError) => error);
    expect(next instanceof ApiError ? next.code : 'claimed').toBe(outcome);
    if (!(next instanceof ApiError)) expect(next.generationId === first.generationId).toBe(sameGeneration);
  });

  test('told by one whose claim was taken over changes nothing', async () => {
    const request = named();
    const slow = await claimOf(request);
    await hoursPass(1);
    const taker = await claimOf(request, 'never_made');
    await slow.free();
    expect(await refusal(request, 'never_made')).toBe('idempotency_key_in_use');
    await slow.keep({ ...KEPT, body: 'of the slow one' });
    await taker.keep(KEPT);
    expect(await requests.claim(request)).toEqual({ answer: KEPT });
  });
});

test('renewing prolongs the claims that are still held, and no others', async () => {
  const table = new RequestsTable(databaseUrl, () => undefined);
  beforeStop(() => table.close());
  const [kept, lost] = [randomBytes(32), randomBytes(32)];
  const holder = randomBytes(16);
  await table.claim(kept, kept, holder);
  await table.claim(lost, lost, randomBytes(16));
  await hoursPass(1);
  await table.renew([
    { id: kept, holder },
    { id: lost, holder: randomBytes(16) },
  ]);
  const states = await Promise.all([kept, lost].map((id) => table.claim(id, id, randomBytes(16))));
  expect(states.map((row) => [row?.ours, row?.lapsed])).toEqual([
    [false, false],
    [false, true],
  ]);
});

test('a claim is renewed by its process while it runs, and no longer', async () => {
  const others = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'nextTick', 'queueMicrotask', 'Date'] as const;
  jest.useFakeTimers({ doNotFake: [...others, 'performance', 'hrtime'] });
  try {
    const own = openIdempotentRequests(databaseUrl);
    beforeStop(() => own.close());
    const request = named();
    const claimed = await own.claim(request);
    if (!('claim' in claimed)) throw new Error('it has an answer');
    await hoursPass(1);
    jest.advanceTimersByTime(20_000);
    // What was asked before on another connection may be done after this: asked until it is.
    await eventually(async () => expect(await leaseLapsed()).toBe(false));
    await claimed.claim.leave();
    expect(jest.getTimerCount()).toBe(0);
    expect(await refusal(request, 'never_made')).toBe('claimed');
  } finally {
    jest.useRealTimers();
  }

  async function leaseLapsed(): Promise<boolean> {
    const { rows } = await database.query(
      'SELECT lease_until <= now() AS lapsed FROM idempotency.requests ORDER BY lease_until DESC',
    );
    return rows[0].lapsed;
  }
});

test('forgets what is older than a day, in bounded steps, and nothing that runs', async () => {
  await database.query('DELETE FROM idempotency.requests');
  const table = new RequestsTable(databaseUrl, () => undefined);
  beforeStop(() => table.close());
  await database.query(
    `INSERT INTO idempotency.requests SELECT sha256(n::text::bytea), 'x', 'kept', 1, now(), 'x', now(), now()
     FROM generate_series(1, 2500) AS n`,
  );
  const running = named();
  await claimOf(running);
  await database.query("UPDATE idempotency.requests SET expires_at = now() - interval '1 hour'");
  const young = named();
  await (await claimOf(young)).keep(KEPT);
  expect(await table.forget(1_000)).toBe(1_000);
  expect(await rows()).toBe(1_502);
  await requests.forget();
  expect(await rows()).toBe(2);
  expect(await refusal(running)).toBe('idempotency_key_in_use');
  expect(await requests.claim(young)).toEqual({ answer: KEPT });
});

test('without PostgreSQL a claim is refused', async () => {
  const away = openIdempotentRequests('postgres://127.0.0.1:1/none');
  await expect(away.claim(named())).rejects.toMatchObject({ status: 503, code: 'idempotency_unavailable' });
  await away.close();
});
