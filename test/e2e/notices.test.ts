import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readSecret, verifyWebhook } from '../../src/notices/webhook-signature.js';
import { ADMIN_TOKEN, type Gateway, startGateway } from '../support/gateway.js';
import { startWebhookReceiver, type TakenWebhook, type WebhookReceiver } from '../support/webhook-receiver.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const DAY_MS = 86_400_000;

let receiver: WebhookReceiver;
let gateway: Gateway;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  gateway = await startGateway({
    env: {
      NOTICES_WEBHOOK_URL: `${receiver.url}?token=of-the-receiver`,
      NOTICES_WEBHOOK_SECRET: SECRET,
      NOTICES_EVERY_MS: '200',
      NOTICE_LOW_BALANCE: '5',
    },
  });
});

afterAll(async () => {
  await gateway?.dispose();
  await receiver?.close();
});

interface Told {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const told = ({ body }: TakenWebhook): Told => JSON.parse(body) as Told;
const about = (type: string, userId: string) => (webhook: TakenWebhook) =>
  told(webhook).type === type && told(webhook).data['user_id'] === userId;

async function ask(path: string, method = 'GET'): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${gateway.url}/api/v3/admin/notices${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const notices = async (query: string) => (await ask(`?${query}`)).body['data'] as Record<string, unknown>[];

async function call(key: string): Promise<void> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-5-nano', max_tokens: 60, messages: [{ role: 'user', content: 'Hello!' }] }),
  });
  expect(answer.status).toBe(200);
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
  }
}

describe('what a webhook is told', () => {
  test('an account whose credits run low, signed so that the receiver can check it', async () => {
    const userId = await gateway.admin.openAccount();
    await gateway.admin.grant(userId, { amount: '6' });
    const lot = (await gateway.admin.grant(userId, { amount: '1', grant_id: 'second' }))['lot_id'];
    const taken = await adjusted(userId, String(lot), '-1').then(() => adjustedFirst(userId));
    expect(taken.data).toEqual({ user_id: userId, balance: '4', owed: '0', threshold: '5' });
  });

  test('a key that has spent most of its limit', async () => {
    const { key, hash, userId } = await gateway.admin.openCustomer({ credits: 10, limit: '0.0001' });
    for (let calls = 0; calls < 4; calls++) await call(key);
    const { data } = told(await receiver.first(about('key_limit_near', userId)));
    expect(data).toMatchObject({ user_id: userId, limit: '0.0001' });
    expect(JSON.stringify(data)).not.toContain(hash);
    expect(Number(data['spent'])).toBeGreaterThanOrEqual(0.00008);
  });

  test('credits that are about to expire, once for each lot', async () => {
    const userId = await gateway.admin.openAccount();
    const expiresAt = new Date(Date.now() + 3 * DAY_MS).toISOString();
    await gateway.admin.grant(userId, { amount: '20', expires_at: expiresAt });
    await gateway.admin.grant(userId, { amount: '20', expires_at: new Date(Date.now() + 30 * DAY_MS).toISOString() });
    const { data } = told(await receiver.first(about('credits_expiring', userId)));
    expect(data).toEqual({ user_id: userId, lot_id: 'lot-1', expires_at: expiresAt, expiring: '20' });
    const noted = await notices('kind=credits_expiring&state=open');
    expect(noted.filter((notice) => (notice['data'] as Told['data'])['user_id'] === userId)).toHaveLength(1);
  });

  test('again, under the same id and with the same body, until it is taken', async () => {
    receiver.answers.push(500, 302);
    const userId = await gateway.admin.openAccount();
    await gateway.admin.grant(userId, { amount: '30', expires_at: new Date(Date.now() + DAY_MS).toISOString() });
    const of = about('credits_expiring', userId);
    const noted = await until(async () =>
      (await notices('kind=credits_expiring')).find(
        ({ data, delivered_at }) => (data as Told['data'])['user_id'] === userId && delivered_at !== null,
      ),
    );
    const attempts = receiver.taken.filter(of);
    expect(attempts).toHaveLength(3);
    expect(noted).toMatchObject({ attempts: 3, last_error: null, id: told(attempts[0] as TakenWebhook).id });
    expect(new Set(attempts.map(({ body }) => body)).size).toBe(1);
    for (const { headers, body } of attempts) {
      const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => String(headers[`webhook-${name}`]));
      const bytes = readSecret(SECRET) as Buffer;
      expect(id).toBe(told(attempts[0] as TakenWebhook).id);
      expect(verifyWebhook(bytes, String(id), Number(timestamp), body, String(signature))).toBe(true);
      expect(verifyWebhook(bytes, String(id), Number(timestamp), `${body} `, String(signature))).toBe(false);
      expect(verifyWebhook(bytes, String(id), Number(timestamp) + 1, body, String(signature))).toBe(false);
    }
  });

  test('is over when it does not hold any more, and is told anew when it comes back', async () => {
    const userId = await gateway.admin.openAccount();
    const granted = await gateway.admin.grant(userId, { amount: '8' });
    const lot = String(granted['lot_id']);
    const ofUser = async (state: string) =>
      (await notices(`kind=low_balance&state=${state}`)).find(({ data }) => (data as Told['data'])['user_id'] === userId);
    await adjusted(userId, lot, '-7');
    const first = await until(() => ofUser('open'));
    await adjusted(userId, lot, '6');
    expect((await until(() => ofUser('cleared')))['id']).toBe(first['id']);
    await adjusted(userId, lot, '-5');
    expect((await until(() => ofUser('open')))['id']).not.toBe(first['id']);
  });
});

describe('what the administration is told', () => {
  test('pages of notices, and why a filter is wrong', async () => {
    const { body } = await ask('?limit=1');
    expect(body['data']).toHaveLength(1);
    const next = (await ask(`?limit=1&after=${String(body['next'])}`)).body['data'] as { id: string }[];
    expect(next[0]?.id).not.toBe((body['data'] as { id: string }[])[0]?.id);
    for (const [query, field] of [
      ['kind=gossip', 'kind'],
      ['state=half', 'state'],
      ['limit=0', 'limit'],
      ['since=1', 'since'],
      ['after=a%00b', 'after'],
    ] as const) {
      const { status, body: answer } = await ask(`?${query}`);
      expect([status, (answer['error'] as { param: string }).param]).toEqual([400, field]);
    }
    for (const id of ['ntc_unknown', 'a%00b']) expect((await ask(`/${id}/deliver`, 'POST')).status).toBe(404);
  });

  test('nothing of the receiver is shown or logged', async () => {
    expect(JSON.stringify(await ask(''))).not.toContain('of-the-receiver');
    expect(gateway.stderr + gateway.stdout).not.toContain('of-the-receiver');
    expect(gateway.stderr + gateway.stdout).not.toContain(SECRET);
  });
});

let adjustments = 0;

async function adjusted(userId: string, lot: string, amount: string): Promise<void> {
  const answer = await fetch(`${gateway.url}/api/v3/admin/accounts/${userId}/adjustments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      adjustment_id: `a${adjustments++}`,
      lines: [{ lot_id: lot, amount }],
      requested_by: 'one',
      approved_by: 'two',
      reason: 'a test',
    }),
  });
  expect(answer.status).toBeLessThan(300);
}

/** Takes what is left above the threshold, and waits for what is told of it. */
async function adjustedFirst(userId: string): Promise<Told> {
  await adjusted(userId, 'lot-1', '-2');
  return told(await receiver.first(about('low_balance', userId)));
}
