/** What operators see of the read models and do with them, in a program that serves calls. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { run } from '../support/ledger-command.js';
import { ask, chat } from './http.js';

const MAIN = fileURLToPath(new URL('../../dist/projections/runtime/cli/main.js', import.meta.url));
const CHAT = '/v1/chat/completions';

let gateway: Gateway;
let customer: Customer;
beforeAll(async () => {
  gateway = await startGateway({ env: { LOG_LEVEL: 'warn' } });
  customer = await gateway.admin.openCustomer({ credits: 5 });
});
afterAll(async () => {
  await gateway?.dispose();
});

const administer = (path: string, { method = 'GET', body, token = ADMIN_TOKEN, headers = {} }: Asked = {}) =>
  fetch(`${gateway.url}/api/v3/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
interface Asked {
  readonly method?: string;
  readonly body?: object;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

const projections = (...args: string[]) => run(process.execPath, [MAIN, ...args], { DATA_DIR: gateway.dataDir });
const positionIn = (headers: Headers): bigint => BigInt(headers.get('x-ledger-position') ?? '-1');
const balanceAt = async (position: bigint): Promise<number> => {
  const answer = await fetch(`${gateway.url}/api/v3/auth/credit-balance?min_position=${position}`, {
    headers: { 'x-api-key': customer.key },
  });
  return ((await answer.json()) as { current_balance: number }).current_balance;
};

describe('X-Ledger-Position', () => {
  test('of an administration write is the position in its body, of a repeat too', async () => {
    const body = { grant_id: 'position', amount: '1', kind: 'promo' };
    const headers = { 'idempotency-key': 'position' };
    for (const asked of [{}, { headers }, { headers }]) {
      const answer = await administer(`/accounts/${customer.userId}/grants`, { method: 'POST', body, ...asked });
      const { position } = (await answer.json()) as { position: string };
      expect(answer.headers.get('x-ledger-position')).toBe(position);
    }
    expect((await administer('/projections')).headers.get('x-ledger-position')).toBeNull();
  });

  test.each([
    [CHAT, chat('hello')],
    ['/v1/messages', { model: 'gpt-5-nano', max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] }],
    ['/v1/responses', { model: 'gpt-5-nano', input: 'hello' }],
  ])('of %s shows its charge to a read that asks for it', async (path, body) => {
    const before = await balanceAt(0n);
    const { headers, status } = await ask(gateway, path, { key: customer.key, body });
    expect(status).toBe(200);
    expect(positionIn(headers)).toBeGreaterThan(0n);
    expect(await balanceAt(positionIn(headers))).toBeLessThan(before);
  });

  test('of a stream is that of its reservation', async () => {
    const whole = await ask(gateway, CHAT, { key: customer.key, body: chat('hello') });
    const stream = await ask(gateway, CHAT, { key: customer.key, body: chat('hello', { stream: true }) });
    expect(positionIn(stream.headers)).toBeGreaterThan(positionIn(whole.headers));
  });
});

describe('GET /api/v3/admin/projections', () => {
  test('says how far each one is', async () => {
    const { headers } = await ask(gateway, CHAT, { key: customer.key, body: chat('hello') });
    await balanceAt(positionIn(headers));
    const { projections: all } = (await (await administer('/projections')).json()) as { projections: { name: string }[] };
    expect(all.map(({ name }) => name)).toEqual(expect.arrayContaining(['balances', 'usage']));
    const one = (await (await administer('/projections/balances')).json()) as Record<string, unknown>;
    expect(one).toMatchObject({
      name: 'balances',
      head_position: one['position'],
      lag_ms: 0,
      led: true,
      state: 'live',
      error: null,
      stopped_streams_total: 0,
      stopped_streams: [],
      previous_build: false,
      rebuild_begun: false,
      last_event: { stream: `account-${customer.userId}` },
    });
  });

  test('is for administrators, and knows its names', async () => {
    expect((await administer('/projections', { token: 'wrong' })).status).toBe(401);
    const answer = await administer('/projections/nothing');
    expect(answer.status).toBe(404);
    expect(((await answer.json()) as { error: object }).error).toMatchObject({ code: 'projection_not_found', param: 'name' });
  });

  test('Prometheus is told', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(/projection_state\{projection="balances",state="live"\} 1/);
    expect(text).toMatch(/projection_lag_seconds\{projection="balances"\} 0\b/);
    const value = (name: string) => new RegExp(`${name}\\{projection="balances"\\} (\\d+)`).exec(text)?.[1];
    expect(value('projection_position')).toBe(value('projection_head_position'));
    expect(Number(value('projection_events_folded_total'))).toBeGreaterThan(5);
  });
});

test('a process that runs no projection tells how far others have left them', async () => {
  const api = await startGateway({ env: { ROLES: 'api', LOG_LEVEL: 'warn' } });
  try {
    await api.admin.openCustomer();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const one = (await (await fetch(`${api.url}/api/v3/admin/projections/balances`, { headers })).json()) as { lag_ms: number };
    expect(one).toMatchObject({ position: '-1', led: false, state: 'standby', updated_at: null, last_event: null });
    expect(one.lag_ms).toBeGreaterThan(0);
  } finally {
    await api.dispose();
  }
});

describe('npm run projections', () => {
  test('rebuilds all while the program runs, goes back, and discards', async () => {
    const before = await ask(gateway, CHAT, { key: customer.key, body: chat('hello') });
    const balance = await balanceAt(positionIn(before.headers));
    const rebuilt = await projections('rebuild', '--all', '--json');
    expect([rebuilt.status, rebuilt.stderr]).toEqual([0, '']);
    for (const each of rebuilt.json.projections) expect(each).toMatchObject({ equal: true, swapped: true });
    expect(await balanceAt(positionIn(before.headers))).toBe(balance);

    const after = await ask(gateway, CHAT, { key: customer.key, body: chat('hello') });
    expect(await balanceAt(positionIn(after.headers))).toBeLessThan(balance);
    expect(await (await administer('/projections/balances')).json()).toMatchObject({ previous_build: true, state: 'live' });
    expect((await projections('back', 'balances')).status).toBe(0);
    expect(await balanceAt(positionIn(after.headers))).toBeLessThan(balance);
    expect((await projections('discard', 'balances')).stdout).toMatch(/^Dropped: the previous build\.$/m);
    expect((await projections('back', 'balances')).status).toBe(2);
    const { stdout } = await projections('status');
    expect(stdout).toMatch(/^balances v\d+ .* yes /m);
    // No dispute was ever opened here: there is nothing that its read model could be behind.
    expect(stdout).toMatch(/^disputes v\d+ +\d+, all +0 ms /m);
  });

  test.each([
    [['rebuild', 'nothing'], /There is no projection nothing; there are balances, usage/],
    [['rebuild'], /Which projection\? There are balances/],
    [['rebuild', '--all', 'usage'], /Name projections, or --all/],
    [['nothing'], /There is no command nothing; there are status, rebuild, back, discard/],
    [['status', '--data-dir', '/nowhere'], /There is no ledger in/],
  ])('%j is wrong usage', async (args, message) => {
    const { status, stderr } = await projections(...args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
