/**
 * Everything that a field of the administration can be and must not be: answered with 400 and the field's name, and nothing is
 * written. Values are raw JSON, because some of them have no form in JavaScript.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ACCOUNTS, account, done } from './administration.js';
import { type Answered, ask } from './http.js';

let gateway: Gateway;
let customer: Customer;

beforeAll(async () => {
  // Without the jobs: nobody else writes meanwhile.
  gateway = await startGateway({ env: { LOG_LEVEL: 'warn', ROLES: 'api,projections' } });
  customer = await gateway.admin.openCustomer({ credits: 0 });
  await done(gateway, 'POST', `${customer.userId}/grants`, { ...bodies['grants'], grant_id: 'made', payment_id: 'made' });
  await done(gateway, 'POST', `${customer.userId}/disputes`, { dispute_id: 'd', payment_id: 'made', amount: 5 });
});

afterAll(async () => {
  await gateway?.dispose();
});

const text = (value: string): string => JSON.stringify(value);
const OTHER_TYPES = ['true', '[]', '{}', '[1]', '{"a":1}'];
const NUMBERS = ['0', '1', '-1', '1e400'];
const NO_AMOUNTS = [
  ...['0', '-0', '0.0', '0e5', '1e-10', '0.1234567891', '1000000001', '1000000000.1', '1e10', '1e21', '1e400', '-1e400'],
  ...['', ' ', '0', '0.000000000', '0.0000000001', '1e3', '1E-2', '0x10', '1_000', '1,5', '1.', '.5', '+1', ' 1', '1 ', '١'].map(
    text,
  ),
  ...['NaN', 'Infinity', '-Infinity', 'null', 'undefined', 'one', '1000000000.000000001', '99999999999999999999'].map(text),
  ...[text(`0.${'0'.repeat(100_000)}1`), text('9'.repeat(100_000)), ...OTHER_TYPES],
];
const KINDS: Readonly<Record<string, readonly string[]>> = {
  amount: [...NO_AMOUNTS, '-1', '-0.1', text('-1'), text('-0'), text('--1')],
  signed: [...NO_AMOUNTS, text('--1'), text('-'), text('- 1'), text('-0'), '-1000000001', '-1e-10', text('-1e3')],
  time: [
    ...['', 'tomorrow', '2030-01-01', '2030-01-01T00:00:00', '2030-02-30T00:00:00Z', '2030-02-29T00:00:00Z'].map(text),
    ...['2030-13-01T00:00:00Z', '2030-00-01T00:00:00Z', '2030-01-32T00:00:00Z', '2030-01-01T24:00:00Z'].map(text),
    ...['2030-01-01T00:60:00Z', '2030-01-01T00:00:60Z', '2030-01-01T00:00:00+24:00', '2030-01-01 00:00:00Z'].map(text),
    ...['10000-01-01T00:00:00Z', '+010000-01-01T00:00:00Z', '9999-12-31T23:59:59-00:01', '0000-01-01T00:00:00Z'].map(text),
    ...[
      '1969-12-31T23:59:59Z',
      '1970-01-01T00:00:00+00:01',
      '2030-01-01T00:00:00z',
      `2030-01-01T00:00:00.${'1'.repeat(100)}Z`,
    ].map(text),
    ...['1893456000000', '1e400', '0', '-1', ...OTHER_TYPES],
  ],
  pastTime: ['2020-01-01T00:00:00Z', '1970-01-01T00:00:00Z'].map(text),
  id: [
    ...['', ' ', 'a b', 'a/b', '../a', 'a\\b', 'ä', 'a\n', '\u0000', '\ud800', 'a%20b', 'x'.repeat(129), 'a@b', 'a"b'].map(text),
    ...[...NUMBERS, ...OTHER_TYPES],
  ],
  text: ['', '\u0000', 'a\u0000b', 'a\nb', '\u007f', '\u0085', 'x'.repeat(501)]
    .map(text)
    .concat('"\\ud800"', NUMBERS, OTHER_TYPES),
  word: ['', 'gift', 'FREE', ' free', 'constructor', '__proto__'].map(text).concat(NUMBERS, OTHER_TYPES),
  priority: ['-1', '0.5', '1001', '1e400', text('5'), 'null', ...OTHER_TYPES],
  required: ['null', ''],
  notNull: ['null'],
};

const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  open: { username: 'somebody', tier: 'free' },
  tier: { tier: 'internal' },
  grants: {
    ...{ grant_id: 'grant', amount: '7', kind: 'top_up', payment_id: 'pay', priority: 3 },
    ...{ expires_at: '2099-01-01T00:00:00Z', effective_at: '2030-01-01T00:00:00Z' },
  },
  keys: { name: 'key', limit: '5', limit_reset: 'daily', expires_at: '2099-01-01T00:00:00Z' },
  key: { name: 'other', limit: '6', limit_reset: 'weekly', expires_at: '2098-01-01T00:00:00Z' },
  refunds: { refund_id: 'r', generation_id: 'gen-1', amount: '1', reason: 'why', into_expired: 'expire' },
  cash: { refund_id: 'r', amount: '1' },
  disputes: { dispute_id: 'd', payment_id: 'pay', amount: '2' },
  close: { outcome: 'won' },
  adjustments: {
    ...{ adjustment_id: 'a', lines: [{ lot_id: 'lot-1', amount: '1' }] },
    ...{ requested_by: 'p1', approved_by: 'p2', reason: 'why' },
  },
};

interface Endpoint {
  readonly method: string;
  readonly path: (userId: string) => string;
  /** The kinds of mistakes that each field can hold. */
  readonly fields: Readonly<Record<string, string>>;
}

const of = (method: string, rest: string, fields: Endpoint['fields']): Endpoint => ({
  method,
  path: (userId) => `${ACCOUNTS}/${userId}${rest.replace('HASH', customer.hash)}`,
  fields,
});
const endpoints: Readonly<Record<string, Endpoint>> = {
  open: { method: 'POST', path: () => ACCOUNTS, fields: { username: 'text required', tier: 'word notNull' } },
  tier: of('PATCH', '', { tier: 'word required' }),
  grants: of('POST', '/grants', {
    ...{ grant_id: 'text required', amount: 'amount required', kind: 'word required', payment_id: 'id notNull' },
    ...{ expires_at: 'time pastTime', effective_at: 'time', priority: 'priority' },
  }),
  keys: of('POST', '/keys', { name: 'text required', limit: 'amount', limit_reset: 'word', expires_at: 'time pastTime' }),
  key: of('PATCH', '/keys/HASH', { name: 'text notNull', limit: 'amount', limit_reset: 'word', expires_at: 'time pastTime' }),
  refunds: of('POST', '/refunds', {
    ...{ refund_id: 'id required', generation_id: 'id required', amount: 'amount notNull' },
    ...{ reason: 'text required', into_expired: 'word notNull' },
  }),
  cash: of('POST', '/payments/pay/refunds', { refund_id: 'id required', amount: 'amount notNull' }),
  disputes: of('POST', '/disputes', { dispute_id: 'id required', payment_id: 'id required', amount: 'amount notNull' }),
  close: of('POST', '/disputes/d/close', { outcome: 'word required' }),
  adjustments: of('POST', '/adjustments', {
    ...{ adjustment_id: 'id required', requested_by: 'id required', approved_by: 'id required', reason: 'text required' },
    'lines[0].lot_id': 'id required',
    'lines[0].amount': 'signed required',
  }),
};

/** The body in raw JSON with another value at a field; without the field where the value is empty. */
function rawBody(name: string, field: string, value: string): string {
  const body = structuredClone(bodies[name]) as Record<string, unknown>;
  const line = /^lines\[0\]\.(\w+)$/.exec(field)?.[1];
  const holder = line === undefined ? body : ((body['lines'] as Record<string, unknown>[])[0] as Record<string, unknown>);
  if (value === '') delete holder[line ?? field];
  else holder[line ?? field] = '@';
  return JSON.stringify(body).replace('"@"', () => value);
}

function send(name: string, body: string | undefined, userId = customer.userId): Promise<Answered> {
  const { method, path } = endpoints[name] as Endpoint;
  return ask(gateway, path(userId), { method, key: ADMIN_TOKEN, ...(body !== undefined && { body }) });
}

/** What moves with every write: the account's last event, and all events that the store has taken. */
async function written(): Promise<unknown> {
  const { text: metrics } = await ask(gateway, '/metrics');
  const { position } = await account(gateway, customer.userId);
  return { position, events: /^event_store_events_appended_total (\d+)/m.exec(metrics)?.[1] };
}

/** Sends them all, and returns what of the answers is not a 400 that names the field. Throws where anything was written. */
async function notRefused(name: string, field: string | undefined, values: readonly string[]): Promise<string[]> {
  const before = await written();
  const wrong: string[] = [];
  for (const body of values) {
    const { status, json, text: answer } = await send(name, body);
    const { code, param, message } = json?.error ?? {};
    const named = param === field && (field === undefined || message.startsWith(`"${field}": `));
    if (status !== 400 || code !== 'invalid_request' || !named) wrong.push(`${body.slice(0, 300)} → ${status} ${answer}`);
  }
  expect(await written()).toEqual(before);
  return wrong;
}

const fieldsOf = (name: string): [string, string][] => Object.entries((endpoints[name] as Endpoint).fields);
const cases = Object.keys(endpoints).flatMap((name) =>
  fieldsOf(name).map(([field, kinds]): [string, string, string] => [name, field, kinds]),
);

describe('a field that is wrong', () => {
  it.each(cases)('%s: %s', async (name, field, kinds) => {
    const values = kinds.split(' ').flatMap((kind) => KINDS[kind] as readonly string[]);
    expect(
      await notRefused(
        name,
        field,
        values.map((value) => rawBody(name, field, value)),
      ),
    ).toEqual([]);
  });

  it.each(Object.keys(endpoints))('%s: one that nobody knows', async (name) => {
    const extra = (field: string) => `{${text(field)}:1,${JSON.stringify(bodies[name]).slice(1)}`;
    for (const field of ['note', 'user_id', 'position']) expect(await notRefused(name, field, [extra(field)])).toEqual([]);
  });

  it('adjustments: lines that are none, too many, or name a lot twice', async () => {
    const withLines = (lines: unknown) => JSON.stringify({ ...bodies['adjustments'], lines });
    const lineOf = (lot: number) => ({ lot_id: `lot-${lot}`, amount: 1 });
    const many = Array.from({ length: 101 }, (_, index) => lineOf(index));
    expect(await notRefused('adjustments', 'lines', [undefined, null, {}, 'x', [], many].map(withLines))).toEqual([]);
    expect(await notRefused('adjustments', 'lines[0]', [[null], ['x'], [[]]].map(withLines))).toEqual([]);
    expect(await notRefused('adjustments', 'lines[1].lot_id', [withLines([lineOf(1), lineOf(1)])])).toEqual([]);
    expect(await notRefused('adjustments', 'lines[0].note', [withLines([{ ...lineOf(1), note: 1 }])])).toEqual([]);
  });

  it('grants: names that are taken, and payments of what was given', async () => {
    const grant = (changes: object) => JSON.stringify({ ...bodies['grants'], ...changes });
    expect(await notRefused('grants', 'grant_id', [grant({ grant_id: 'refund:r' })])).toEqual([]);
    const given = ['promo', 'goodwill'].map((kind) => grant({ grant_id: 'given', kind }));
    expect(await notRefused('grants', 'payment_id', given)).toEqual([]);
    expect(await notRefused('grants', 'expires_at', [grant({ grant_id: 'late', expires_at: '2029-12-31T00:00:00Z' })])).toEqual(
      [],
    );
  });

  it('refunds and adjustments: names that disputes and repricings give', async () => {
    const named = (name: string, field: string) =>
      ['dispute:d:1:gen-1', 'reprice:r'].map((id) => JSON.stringify({ ...bodies[name], [field]: id }));
    expect(await notRefused('refunds', 'refund_id', named('refunds', 'refund_id'))).toEqual([]);
    expect(await notRefused('adjustments', 'adjustment_id', named('adjustments', 'adjustment_id'))).toEqual([]);
  });

  it('keys: a reset without a limit', async () => {
    expect(await notRefused('keys', 'limit_reset', ['{"name":"x","limit_reset":"daily"}'])).toEqual([]);
    expect(await notRefused('key', 'limit_reset', ['{"limit":null,"limit_reset":"daily"}'])).toEqual([]);
  });
});

describe('a body that is wrong', () => {
  const noObjects = [
    '',
    'null',
    '[]',
    '[{}]',
    '"x"',
    '5',
    'true',
    'NaN',
    '{',
    '{"a":NaN}',
    '{"a":1e}',
    "{'a':1}",
    '{"__proto__":{}}',
  ];

  it.each(Object.keys(endpoints))('%s', async (name) => {
    const nested = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    expect(await notRefused(name, undefined, [...noObjects, nested])).toEqual([]);
    const before = await written();
    expect((await send(name, undefined)).status).toBe(400);
    expect(await written()).toEqual(before);
  });

  it('of which nothing is left to change', async () => {
    expect(await notRefused('key', undefined, ['{}'])).toEqual([]);
  });
});

describe('a path that is wrong', () => {
  const accountPaths = Object.keys(endpoints).filter((name) => name !== 'open');

  it.each(accountPaths)('%s: of an account that is not there', async (name) => {
    const before = await written();
    for (const userId of [
      'nobody000000',
      'NOBODY',
      'a',
      '..%2F..',
      '%00',
      '%F0%9F%98%80',
      'x'.repeat(150),
      customer.userId.toUpperCase(),
    ]) {
      expect(await send(name, JSON.stringify(bodies[name]), userId)).toMatchObject({
        status: 404,
        json: { error: { code: 'account_not_found' } },
      });
    }
    expect(await written()).toEqual(before);
  });

  it.each([
    ['payment_id', 'POST', '/payments/:/refunds', 'cash'],
    ['dispute_id', 'POST', '/disputes/:/close', 'close'],
    ['hash', 'PATCH', '/keys/:', 'key'],
    ['hash', 'DELETE', '/keys/:', ''],
  ])('%s of a %s', async (param, method, path, name) => {
    const before = await written();
    const values = ['%20', 'a%2Fb', '%00', 'a%0Ab', '%C3%A4', 'a@b', 'x'.repeat(129), `${'A'.repeat(64)}%20`, '..%2F..'];
    for (const value of values) {
      const asking = { method, key: ADMIN_TOKEN, ...(name !== '' && { body: bodies[name] }) };
      const { status, json } = await ask(gateway, `${ACCOUNTS}/${customer.userId}${path.replace(':', value)}`, asking);
      expect({ value, status, param: json.error.param }).toEqual({ value, status: 400, param });
    }
    expect(await written()).toEqual(before);
  });

  it('that no path can be', async () => {
    const { status, json } = await ask(gateway, `${ACCOUNTS}/%zz`, { key: ADMIN_TOKEN });
    expect({ status, message: json.error.message }).toEqual({ status: 400, message: 'The path is not encoded as a path can be' });
  });
});

/** The sum of the amounts below. */
const GRANTED_NANO = 3_123_580_253_212_469_275n;

describe('amounts that are taken', () => {
  it.each([
    ['0.1', '0.1'],
    ['1e-9', '0.000000001'],
    ['1.5e-7', '0.00000015'],
    ['1e9', '1000000000'],
    ['123456.789012345', '123456.789012345'],
    ['123456789.12345678', '123456789.12345678'],
    ['"0.1"', '0.1'],
    ['"0.100000000000"', '0.1'],
    ['"0000007"', '7'],
    ['"1000000000"', '1000000000'],
    ['"999999999.999999999"', '999999999.999999999'],
  ])('%s', async (raw, amount) => {
    const body = `{"grant_id":${text(`of ${raw}`)},"kind":"promo","amount":${raw}}`;
    const { status, json } = await send('grants', body);
    expect({ status, amount: json.amount }).toEqual({ status: 201, amount });
  });

  it('together, to the nano-credit', async () => {
    const { lots } = await account(gateway, customer.userId);
    const granted = lots
      .filter(({ kind }: { kind: string }) => kind === 'promo')
      .map(({ remaining }: { remaining: string }) => remaining);
    expect(granted.reduce((sum: bigint, credits: string) => sum + nano(credits), 0n)).toBe(GRANTED_NANO);
  });
});

function nano(credits: string): bigint {
  const [whole = '', fraction = ''] = credits.split('.');
  return BigInt(whole + fraction.padEnd(9, '0'));
}
