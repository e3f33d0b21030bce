/** A request that its client has named with an Idempotency-Key is served and charged once, however often it is sent. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { expectError } from './error-bodies.js';
import { contentsOf, type Frame, framesIn, isContent, openStream } from './event-stream.js';
import { type Answered, ask, balanceOf, chat, chatPath, DIALECTS, eventually, type Json } from './http.js';

const V1 = chatPath('v1');
const ANSWER_TOO_LONG = 9 * 1024 * 1024;

let upstream: FakeUpstream;
let gateway: Gateway;
let database: Client;
let customer: Customer;
/** How the provider answers a prompt, beyond its directives. */
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  const databaseUrl = await createDatabase();
  database = new Client({ connectionString: databaseUrl });
  await database.connect();
  gateway = await startGateway({ upstream, env: { DATABASE_URL: databaseUrl, LOG_LEVEL: 'debug' } });
  beforeStop(async () => {
    await database.end();
    await gateway.dispose();
  });
  customer = await gateway.admin.openCustomer();
});

afterAll(async () => {
  await upstream?.close();
});

const named = (key: string, body: object, path = V1, apiKey = customer.key) =>
  ask(gateway, path, { key: apiKey, body, headers: { 'idempotency-key': key } });

/** Repeats a request until its first one has ended. */
const ended = (repeat: () => Promise<Answered>) =>
  eventually(async () => {
    const answer = await repeat();
    expect(answer.json?.error?.code).not.toBe('idempotency_key_in_use');
    return answer;
  });

/** What was charged and how many calls were made by what is done here. */
async function costing<T>(act: () => Promise<T>, key = customer.key): Promise<{ result: T; calls: number; spent: number }> {
  const calls = upstream.calls.length;
  const before = (await balanceOf(gateway, key)).total_spent;
  const result = await act();
  return { result, calls: upstream.calls.length - calls, spent: (await balanceOf(gateway, key)).total_spent - before };
}

const inUse = { status: 409, type: 'conflict_error', code: 'idempotency_key_in_use', message: /still running/ };
const reused = { status: 422, type: 'invalid_request_error', code: 'idempotency_key_reused', message: /another request/ };
const withReason = (error: typeof inUse, extra: object = {}) => ({
  ...error,
  metadata: { error_type: error.status === 422 ? 'unprocessable' : 'unmapped', reason: error.code, ...extra },
});

it('looks nothing up for requests without the header', async () => {
  expect((await ask(gateway, V1, { key: customer.key, body: chat('unnamed') })).status).toBe(200);
  const { rows } = await database.query("SELECT to_regclass('idempotency.requests') AS made");
  expect(rows).toEqual([{ made: null }]);
});

describe.each(DIALECTS)('/%s', (dialect) => {
  const path = chatPath(dialect);

  it('gives the stored answer again, and charges once', async () => {
    const key = randomUUID();
    const body = chat(`once in ${dialect}`);
    const first = await costing(() => named(key, body, path));
    expect([first.result.status, first.calls]).toEqual([200, 1]);
    expect(first.spent).toBeCloseTo(first.result.json.usage.cost, 12);
    expect(first.result.headers.get('idempotent-replayed')).toBeNull();

    // The same body in another order is the same body.
    const { messages, ...rest } = body;
    const repeats = await costing(async () => [await named(key, body, path), await named(key, { messages, ...rest }, path)]);
    expect([repeats.calls, repeats.spent]).toEqual([0, 0]);
    for (const { status, text, headers } of repeats.result) {
      expect([status, text]).toEqual([200, first.result.text]);
      expect(headers.get('idempotent-replayed')).toBe('true');
      for (const name of ['x-generation-id', 'content-type']) expect(headers.get(name)).toBe(first.result.headers.get(name));
    }
  });

  it('refuses the same key while it runs, and for another request', async () => {
    const key = randomUUID();
    const prompt = `held in ${dialect}`;
    const held = gate();
    behaviours.set(prompt, { beforeHeaders: held.opened });
    const calls = upstream.calls.length;
    const running = named(key, chat(prompt), path);
    await upstream.call(calls);
    const meanwhile = await named(key, chat(prompt), path);
    expectError(meanwhile, dialect, withReason(inUse));
    expect(Number(meanwhile.headers.get('retry-after'))).toBeGreaterThan(0);
    expectError(await named(key, chat('something else'), path), dialect, { ...withReason(reused), param: 'Idempotency-Key' });
    held.open();
    expect((await running).status).toBe(200);
    expectError(await named(key, chat('something else'), path), dialect, { ...withReason(reused), param: 'Idempotency-Key' });
    expect(upstream.calls).toHaveLength(calls + 1);
  });

  it.each([
    ['no visible ASCII', 'two words'],
    ['too long', 'x'.repeat(256)],
    ['empty', ''],
  ])('refuses a key that is %s', async (_, key) => {
    expectError(await named(key, chat('never'), path), dialect, {
      status: 400,
      type: 'invalid_request_error',
      code: 'invalid_request',
      message: /^"Idempotency-Key": must be 1 to 255 visible ASCII characters/,
      param: 'Idempotency-Key',
      metadata: { error_type: 'invalid_request' },
    });
  });
});

it('takes the other dialect for another request', async () => {
  const key = randomUUID();
  expect((await named(key, chat('dialects'))).status).toBe(200);
  expect((await named(key, chat('dialects'), chatPath('api/v1'))).status).toBe(422);
});

it('keeps the keys of every API key apart', async () => {
  const key = randomUUID();
  const other = await gateway.admin.issueKey(customer.userId);
  const { calls, result } = await costing(async () => [
    await named(key, chat('apart')),
    await named(key, chat('apart'), V1, other.key),
  ]);
  expect(calls).toBe(2);
  expect(result.map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, null]);
});

describe('a request that had no effect', () => {
  it('can be tried again under its key: the provider failed', async () => {
    const key = randomUUID();
    const prompt = 'fails first';
    behaviours.set(prompt, { status: 500 });
    const { calls, spent } = await costing(async () => {
      for (const _ of ['once', 'twice']) expect((await named(key, chat(prompt))).status).toBe(502);
    });
    expect([calls, spent]).toEqual([2, 0]);
    behaviours.delete(prompt);
    const retried = await costing(() => named(key, chat(prompt)));
    expect([retried.result.status, retried.calls]).toEqual([200, 1]);
    expect((await named(key, chat(prompt))).text).toBe(retried.result.text);
  });

  it('… the account could not pay, the model was unknown', async () => {
    const poor = await gateway.admin.openCustomer({ credits: 0 });
    const key = randomUUID();
    expect((await named(key, chat('poor', { model: 'no/such' }), V1, poor.key)).status).toBe(400);
    expect((await named(key, chat('poor'), V1, poor.key)).status).toBe(402);
    await gateway.admin.grant(poor.userId, { amount: 5 });
    expect((await named(key, chat('poor'), V1, poor.key)).status).toBe(200);
  });

  it('… nothing was served', async () => {
    const key = randomUUID();
    const prompt = 'says nothing [[chunks=0 completion=0 finish=null]]';
    for (const stream of [false, true]) {
      const { calls, spent } = await costing(async () => {
        for (const _ of ['once', 'twice']) expect((await named(`${key}${stream}`, chat(prompt, { stream }))).status).toBe(200);
      });
      expect([stream, calls, spent]).toEqual([stream, 2, 0]);
    }
  });
});

describe('a stream', () => {
  const streamed = (key: string, prompt: string) => named(key, chat(prompt, { stream: true }));

  it('is given again frame by frame', async () => {
    const key = randomUUID();
    const first = await costing(() => streamed(key, 'stream [[chunks=20]]'));
    expect(first.calls).toBe(1);
    expect(first.spent).toBeGreaterThan(0);
    const again = await costing(() => streamed(key, 'stream [[chunks=20]]'));
    expect([again.calls, again.spent]).toEqual([0, 0]);
    expect(again.result.text).toBe(first.result.text);
    expect(again.result.text).toMatch(/data: \[DONE\]\n\n$/);
    expect(again.result.headers.get('idempotent-replayed')).toBe('true');
    for (const name of ['content-type', 'x-generation-id', 'cache-control'])
      expect(again.result.headers.get(name)).toBe(first.result.headers.get(name));
  });

  it('ends again with the error that it ended with', async () => {
    const key = randomUUID();
    const first = await streamed(key, 'breaks off [[chunks=9 cut-after=3]]');
    expect(framesIn(first.text).at(-1)?.json.error.code).toBe(502);
    const again = await costing(() => streamed(key, 'breaks off [[chunks=9 cut-after=3]]'));
    expect([again.calls, again.spent, again.result.text]).toEqual([0, 0, first.text]);
  });

  it('that its client left mid-way is given as far as it was generated and charged, and says so', async () => {
    const key = randomUUID();
    const prompt = 'left mid-way [[chunks=6]]';
    const held = gate();
    behaviours.set(prompt, { beforeChunk: (index) => (index === 3 ? held.opened : undefined) });
    const body = chat(prompt, { stream: true });
    const { result, calls, spent } = await costing(async () => {
      const stream = await openStream(gateway, V1, { key: customer.key, body, headers: { 'idempotency-key': key } });
      const seen: Frame[] = [];
      while (contentsOf(seen).length < 3) seen.push(await stream.until(isContent));
      stream.leave();
      return { seen, again: await ended(() => named(key, body)) };
    });
    held.open();
    expect([calls, result.again.status, result.again.headers.get('idempotent-replayed')]).toEqual([1, 200, 'true']);
    const frames = framesIn(result.again.text);
    expect(contentsOf(frames)).toEqual(contentsOf(result.seen));
    expect(frames.at(-1)?.json.error).toEqual(
      expect.objectContaining({ code: 499, message: expect.stringMatching(/left before the end/) }),
    );
    expect(frames.at(-2)?.json.usage.cost).toBeCloseTo(spent, 12);
    expect(frames.some(({ json }: { json?: Json }) => json?.choices?.[0]?.finish_reason === 'stop')).toBe(false);
  });

  it('that its client left before anything came costs nothing, and can be asked again', async () => {
    const key = randomUUID();
    const prompt = 'left at once [[chunks=2]]';
    behaviours.set(prompt, { beforeHeaders: gate().opened });
    const body = chat(prompt, { stream: true });
    const calls = upstream.calls.length;
    const leaving = new AbortController();
    const headers = { 'idempotency-key': key };
    const first = ask(gateway, V1, { key: customer.key, body, headers, signal: leaving.signal });
    const call = await upstream.call(calls);
    leaving.abort();
    await expect(first).rejects.toThrow();
    expect((await call.ended).endedBy).toBe('client_gone');
    behaviours.delete(prompt);
    const again = await ended(() => named(key, body));
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect(again.text).toMatch(/data: \[DONE\]\n\n$/);
  });
});

it('serves a client that left, and gives it the answer when it asks again', async () => {
  const key = randomUUID();
  const prompt = 'left while it ran';
  const held = gate();
  behaviours.set(prompt, { beforeHeaders: held.opened });
  const { result, calls } = await costing(async () => {
    const index = upstream.calls.length;
    const leaving = new AbortController();
    const asking = { key: customer.key, body: chat(prompt), headers: { 'idempotency-key': key }, signal: leaving.signal };
    const first = ask(gateway, V1, asking);
    await upstream.call(index);
    leaving.abort();
    await expect(first).rejects.toThrow();
    expect((await named(key, chat(prompt))).status).toBe(409);
    held.open();
    return ended(() => named(key, chat(prompt)));
  });
  expect([calls, result.status, result.headers.get('idempotent-replayed')]).toEqual([1, 200, 'true']);
});

it('does not keep an answer that is too long, and does not charge for it again', async () => {
  const key = randomUUID();
  const prompt = 'very long';
  behaviours.set(prompt, { text: 'x'.repeat(ANSWER_TOO_LONG), chunks: 1 });
  for (const stream of [false, true]) {
    const body = chat(prompt, { stream });
    const first = await named(`${key}${stream}`, body);
    expect([first.status, first.text.length > ANSWER_TOO_LONG]).toEqual([200, true]);
    const again = await costing(() => named(`${key}${stream}`, body));
    expect([again.calls, again.spent]).toEqual([0, 0]);
    expectError(again.result, 'v1', {
      status: 409,
      type: 'conflict_error',
      code: 'idempotency_answer_not_kept',
      message: new RegExp(`charged as ${first.headers.get('x-generation-id')}`),
      metadata: {
        error_type: 'unmapped',
        reason: 'idempotency_answer_not_kept',
        generation_id: first.headers.get('x-generation-id'),
      },
    });
  }
});

it('stores nothing that could be read: no prompt, answer, key, or credential', async () => {
  const key = `canary-key-${randomUUID()}`;
  const { text } = await named(key, chat('canary-prompt [[text=canary-answer]]'));
  expect(text).toContain('canary-answer');
  const { rows } = await database.query('SELECT * FROM idempotency.requests');
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const bytes = Buffer.concat(Object.values(row).map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))));
    for (const secret of ['canary-prompt', 'canary-answer', key, customer.key]) expect(bytes.includes(secret)).toBe(false);
  }
});

it('refuses an answer that somebody has changed in the database', async () => {
  const key = randomUUID();
  expect((await named(key, chat('tampered'))).status).toBe(200);
  const newest = 'SELECT id FROM idempotency.requests ORDER BY since DESC LIMIT 1';
  await database.query(
    `UPDATE idempotency.requests SET answer = set_byte(answer, length(answer) - 1, get_byte(answer, length(answer) - 1) # 1) WHERE id = (${newest})`,
  );
  const again = await costing(() => named(key, chat('tampered')));
  expect([again.result.status, again.result.json.error.code, again.calls, again.spent]).toEqual([
    409,
    'idempotency_answer_not_kept',
    0,
    0,
  ]);
});

it('covers every write of the administration', async () => {
  const writes = await eventually(() => {
    const mapped = [...gateway.stderr.matchAll(/Mapped \{(\/api\/v3\/admin\/[^,]*), (POST|PUT|PATCH|DELETE)\} route/g)];
    expect(mapped.length).toBeGreaterThan(4);
    const posted = mapped.map(([, path = '', method = '']) => ({ path: path.replaceAll(/:\w+/g, 'x'), method }));
    // A question that is too long for an address: it writes nothing.
    return posted.filter(({ path }) => !path.endsWith('/what-if'));
  });
  const headers = { 'idempotency-key': 'two words' };
  for (const { path, method } of writes) {
    const { status, json } = await ask(gateway, path, {
      method,
      key: ADMIN_TOKEN,
      headers,
      ...(method !== 'DELETE' && { body: {} }),
    });
    expect([method, path, status, json.error.param]).toEqual([method, path, 400, 'Idempotency-Key']);
  }
});
