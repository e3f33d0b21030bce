/** Requests that are right but too much: for the account, the key, what is in flight, or the minute. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Behaviour, type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, PROVIDER_KEY, startGateway } from '../support/gateway.js';
import { type ExpectedError, expectError, Questions } from './error-bodies.js';
import { isContent, openStream } from './event-stream.js';
import { balanceOf, chat, chatPath, DIALECTS } from './http.js';

const PROMPT = 'canary-of-the-prompt';
/** What one request of these sets aside is below this, and two are above. */
const ENOUGH_FOR_ONE = 0.012;
const LIMIT = { max_tokens: 16_000 };

let upstream: FakeUpstream;
let gateway: Gateway;
const behaviours = new Map<string, Behaviour>();
const questions = new Questions();

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: ({ messages }) => behaviours.get(String(messages.at(-1)?.content)) });
  gateway = await startGateway({ upstream, env: { RATE_LIMITS: 'free=3', LOG_LEVEL: 'trace' } });
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

/** A 402 that says what the request needs and what there is. */
const tooMuch = (message: RegExp, code: string, limitSource: string, available: unknown, reason?: string): ExpectedError => ({
  status: 402,
  type: 'insufficient_credits_error',
  code,
  message,
  metadata: {
    error_type: 'payment_required',
    limit_source: limitSource,
    ...(reason !== undefined && { reason }),
    needed: expect.any(Number),
    available,
    affordable_prompt_tokens: expect.any(Number),
    affordable_completion_tokens: expect.any(Number),
    remedy_hint: expect.any(String),
  },
});

describe.each(DIALECTS)('/%s', (dialect) => {
  const ask = (key: string) => questions.ask(gateway, chatPath(dialect), { key, body: chat(PROMPT, LIMIT) });

  it('refuses what the account cannot pay for', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: '0.001' });
    const answer = await ask(key);
    const message =
      /^This request requires more credits, or fewer max_tokens\. You requested up to 16000 tokens, but can only afford 1\d{3}\. .* only 0\.001 are available\.$/;
    expectError(answer, dialect, tooMuch(message, 'insufficient_credits', 'openrouter_credits', 0.001, 'weight_exceeds_budget'));
    expect(answer.json.error.metadata.needed).toBeGreaterThan(0.001);
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 0.001, total_spent: 0 });
  });

  it('refuses what the account cannot pay for twice at once, and says when to try again', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: ENOUGH_FOR_ONE });
    const end = gate();
    const prompt = `the first at /${dialect}`;
    behaviours.set(prompt, { beforeEnd: end.opened });
    const first = await openStream(gateway, chatPath(dialect), { key, body: chat(prompt, { stream: true, ...LIMIT }) });
    await first.until(isContent);
    const held = await balanceOf(gateway, key);
    const answer = await ask(key);
    const sources = ['openrouter_in_flight_budget', held.current_balance, 'in_flight_budget_exhausted'] as const;
    expectError(answer, dialect, tooMuch(/requests in flight hold /, 'insufficient_credits', ...sources));
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await balanceOf(gateway, key)).toEqual(held);
    end.open();
    await first.rest();
    expect((await ask(key)).status).toBe(200);
  });

  it('refuses what the key may not spend', async () => {
    const { key } = await gateway.admin.openCustomer({ limit: '0.001' });
    const message = /this key may spend only 0\.001 more/;
    const expected = tooMuch(message, 'key_limit_exceeded', 'openrouter_key_limit', 0.001, 'key_limit_exceeded');
    expectError(await ask(key), dialect, expected);
    expect(await balanceOf(gateway, key)).toMatchObject({ current_balance: 10, total_spent: 0 });
  });

  it('refuses what exceeds the rate of the tier, until when it says', async () => {
    const { key } = await gateway.admin.openCustomer({ tier: 'free' });
    for (let sent = 0; sent < 3; sent++) expect((await ask(key)).status).toBe(200);
    const before = await balanceOf(gateway, key);
    const answer = await ask(key);
    expectError(answer, dialect, {
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: 'Rate limit exceeded: 3 requests per minute for the free tier',
      metadata: { error_type: 'rate_limit_exceeded' },
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(await balanceOf(gateway, key)).toEqual(before);
  });
});

it('tells nobody a stack, a key, an address of a provider or a prompt', async () => {
  await questions.expectNothingTold(gateway, [PROMPT, PROVIDER_KEY, upstream.url]);
});
