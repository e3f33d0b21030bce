/** What OpenRouter's clients ask about an account: a generation, the key, the credits. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OpenRouter } from '@openrouter/sdk';
import { type FakeUpstream, gate, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { clearOfMidnight } from '../support/midnight.js';
import { account, CREDIT_PER_TOKEN, done, publishCreditPerToken, spend } from './administration.js';
import { ask, chat, eventually, send } from './http.js';

await clearOfMidnight();

let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
let management: string;
/** What the next answers wait for before they end. */
let held: Promise<void> | undefined;

beforeAll(async () => {
  upstream = await startFakeUpstream({ behaviour: () => (held ? { beforeEnd: held } : undefined) });
  gateway = await startGateway({ upstream });
  await publishCreditPerToken(gateway);
  customer = await gateway.admin.openCustomer({ credits: 100, limit: 50 });
  management = await managementKey(customer.userId);
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const managementKey = async (userId: string): Promise<string> =>
  (await done(gateway, 'POST', `${userId}/keys`, { name: 'operations', kind: 'management' })).key;
const client = (apiKey: string) =>
  new OpenRouter({ apiKey, serverURL: `${gateway.url}/api/v1`, retryConfig: { strategy: 'none' } });
const generation = (id: string, key = customer.key, dialect = 'v1') => ask(gateway, `/${dialect}/generation?id=${id}`, { key });

/** Every field that the generation object of OpenRouter's interface requires. */
const REQUIRED = `id upstream_id total_cost usage upstream_inference_cost cache_discount created_at model app_id api_type streamed
  cancelled provider_name provider_responses latency moderation_latency generation_time finish_reason native_finish_reason tokens_prompt
  tokens_completion native_tokens_prompt native_tokens_completion native_tokens_reasoning native_tokens_cached
  native_tokens_completion_images num_media_prompt num_media_completion num_input_audio_prompt num_search_results num_fetches origin
  is_byok http_referer user_agent external_user router preset_id service_tier data_region web_search_engine workspace_id`.split(
  /\s+/,
);

describe('GET /generation', () => {
  it('tells a generation as soon as it has ended, with every field', async () => {
    const id = await spend(gateway, customer.key, 3);
    const { status, json } = await generation(id);
    expect(status).toBe(200);
    expect(Object.keys(json.data)).toEqual(expect.arrayContaining(REQUIRED));
    expect(json.data).toMatchObject({
      id,
      model: CREDIT_PER_TOKEN,
      total_cost: 3,
      usage: 3,
      tokens_prompt: 1,
      tokens_completion: 3,
      native_tokens_reasoning: 0,
      native_tokens_cached: 0,
      provider_name: 'OpenAI',
      provider_responses: [{ provider_name: 'OpenAI', status: 200 }],
      upstream_id: upstream.calls.at(-1)?.id,
      cancelled: false,
      is_byok: false,
      api_type: 'completions',
    });
    expect(Date.now() - Date.parse(json.data.created_at)).toBeLessThan(60_000);
  });

  it('is the same in both dialects, to every key of the account, later too', async () => {
    const id = await spend(gateway, customer.key, 1);
    const first = (await generation(id)).json;
    const { key: other } = await gateway.admin.issueKey(customer.userId);
    expect((await generation(id, customer.key, 'api/v1')).json).toEqual(first);
    expect((await generation(id, other)).json).toEqual(first);
    expect((await generation(id, management)).json).toEqual(first);
    // When the read side has folded it, its row says what the stream said.
    await ask(gateway, '/v1/key', { key: customer.key });
    expect((await generation(id)).json).toEqual(first);
  });

  it("is read by OpenRouter's client", async () => {
    const id = await spend(gateway, customer.key, 2);
    const { data } = await client(customer.key).generations.getGeneration({ id });
    expect(data).toMatchObject({ id, totalCost: 2, tokensCompletion: 2, providerName: 'OpenAI', dataRegion: 'global' });
  });

  it("is not found, with no hint, where it is another account's", async () => {
    const id = await spend(gateway, customer.key, 1);
    // Sees to it that the read side has it.
    await ask(gateway, '/v1/key', { key: customer.key });
    const stranger = await gateway.admin.openCustomer();
    const theirs = await generation(id, stranger.key);
    expect(theirs.status).toBe(404);
    expect(theirs.json).toEqual((await generation('gen-00000000000000000000000000000000', stranger.key)).json);
    expect(theirs.json.error).toMatchObject({ code: 'generation_not_found', type: 'not_found_error' });
    expect((await generation(id, stranger.key, 'api/v1')).json.error).toMatchObject({
      code: 404,
      metadata: { error_type: 'not_found' },
    });
  });

  it.each(['', '?id=', '?id=a&id=b'])('needs one id (%s)', async (query) => {
    const { status, json } = await ask(gateway, `/v1/generation${query}`, { key: customer.key });
    expect([status, json.error.param]).toEqual([400, 'id']);
  });

  it.each(['a%00b', 'x'.repeat(500), '%ed%a0%80'])('does not find what is no id (%#)', async (id) => {
    expect((await generation(id)).status).toBe(404);
  });

  it('needs a key', async () => {
    expect((await ask(gateway, '/v1/generation?id=gen-1')).status).toBe(401);
  });

  it('is not found while it runs, and is when it has ended', async () => {
    const answered = gate();
    held = answered.opened;
    const body = chat('[[prompt=1 completion=2]]', { model: CREDIT_PER_TOKEN, max_tokens: 2, stream: true });
    const running = await send(gateway, '/v1/chat/completions', { key: customer.key, body });
    held = undefined;
    const id = running.headers.get('x-generation-id') as string;
    expect([id.slice(0, 4), (await generation(id)).status]).toEqual(['gen-', 404]);
    answered.open();
    await running.text();
    expect((await generation(id)).json.data).toMatchObject({ id, total_cost: 2, streamed: true, cancelled: false });
  });

  it('says that the client left, and what that cost', async () => {
    const leaving = new AbortController();
    const body = chat('[[chunks=50 silent-after=2]]', { model: CREDIT_PER_TOKEN, max_tokens: 9, stream: true });
    const running = await send(gateway, '/v1/chat/completions', { key: customer.key, body, signal: leaving.signal });
    const id = running.headers.get('x-generation-id') as string;
    const read = (running.body as ReadableStream<Uint8Array>).getReader();
    await read.read();
    leaving.abort();
    const data = await eventually(async () => {
      const { status, json } = await generation(id);
      expect(status).toBe(200);
      return json.data;
    });
    expect(data).toMatchObject({ id, cancelled: true, streamed: true });
    expect(data.total_cost).toBe(data.tokens_completion);
  });
});

/** What OpenRouter's interface requires of the object of a key. */
const KEY_FIELDS =
  `label limit limit_remaining limit_reset usage usage_daily usage_weekly usage_monthly byok_usage byok_usage_daily
  byok_usage_weekly byok_usage_monthly include_byok_in_limit is_free_tier is_management_key is_provisioning_key creator_user_id rate_limit
  allowed_data_regions free_model_daily_requests organization_id workspace_id`.split(/\s+/);

describe('GET /key', () => {
  it('tells what the key is and has used, its own spending included at once', async () => {
    const payer = await gateway.admin.openCustomer({ credits: 20, limit: 8 });
    await spend(gateway, payer.key, 3);
    const { status, json } = await ask(gateway, '/v1/key', { key: payer.key });
    expect(status).toBe(200);
    expect(Object.keys(json.data)).toEqual(expect.arrayContaining(KEY_FIELDS));
    expect(json.data).toMatchObject({
      limit: 8,
      limit_remaining: 5,
      limit_reset: null,
      usage: 3,
      usage_daily: 3,
      usage_weekly: 3,
      usage_monthly: 3,
      is_management_key: false,
      is_free_tier: false,
      rate_limit: { requests: -1 },
    });
    expect((await ask(gateway, '/api/v1/auth/key', { key: payer.key })).json).toEqual(json);
    expect(JSON.stringify(json)).not.toContain(payer.key);
  });

  it("is read by OpenRouter's client, of either kind", async () => {
    expect((await client(customer.key).apiKeys.getCurrentKeyMetadata()).data).toMatchObject({
      limit: 50,
      isManagementKey: false,
    });
    expect((await client(management).apiKeys.getCurrentKeyMetadata()).data).toMatchObject({ limit: null, isManagementKey: true });
  });

  it('is on the free tier until it has bought credits', async () => {
    const poor = await gateway.admin.openCustomer({ credits: 0 });
    expect((await ask(gateway, '/v1/key', { key: poor.key })).json.data).toMatchObject({ is_free_tier: true, usage: 0 });
  });
});

describe('GET /credits', () => {
  it('tells a management key what was given and used, so that the difference is what is left', async () => {
    const payer = await gateway.admin.openCustomer({ credits: 20 });
    const key = await managementKey(payer.userId);
    await spend(gateway, payer.key, 3);
    const { status, json } = await ask(gateway, '/v1/credits', { key });
    expect([status, json]).toEqual([200, { data: { total_credits: 20, total_usage: 3 } }]);
    expect(await client(key).credits.getCredits()).toEqual({ data: { totalCredits: 20, totalUsage: 3 } });
    const generationId = await spend(gateway, payer.key, 2);
    await done(gateway, 'POST', `${payer.userId}/refunds`, { refund_id: 'r1', generation_id: generationId, reason: 'asked' });
    expect((await ask(gateway, '/v1/credits', { key })).json.data).toEqual({ total_credits: 20, total_usage: 3 });
  });

  it('is refused to an inference key, in the form of each dialect', async () => {
    const message = 'Only management keys can perform this operation';
    const v1 = await ask(gateway, '/v1/credits', { key: customer.key });
    expect([v1.status, v1.json.error]).toMatchObject([403, { message, type: 'permission_error', code: 'permission_denied' }]);
    const api = await ask(gateway, '/api/v1/credits', { key: customer.key });
    expect([api.status, api.json.error]).toEqual([403, { message, code: 403, metadata: { error_type: 'permission_denied' } }]);
  });
});

describe('a management key', () => {
  it.each(['v1', 'api/v1'])('calls no model (%s)', async (dialect) => {
    const before = upstream.calls.length;
    const { status, json } = await ask(gateway, `/${dialect}/chat/completions`, { key: management, body: chat('Hello!') });
    expect([status, json.error.message]).toEqual([403, 'Management keys cannot be used for inference']);
    expect(json.error.code).toBe(dialect === 'v1' ? 'permission_denied' : 403);
    expect(upstream.calls.length).toBe(before);
    expect(await account(gateway, customer.userId)).toMatchObject({ open_reservations: 0 });
  });

  it('has no limit of its own', async () => {
    const { status, json } = await ask(gateway, `/api/v3/admin/accounts/${customer.userId}/keys`, {
      key: 'admin-token-of-the-tests',
      body: { name: 'operations', kind: 'management', limit: 5 },
    });
    expect([status, json.error.param]).toEqual([400, 'limit']);
  });
});

describe('GET /activity', () => {
  it('is for management keys', async () => {
    expect((await ask(gateway, '/v1/activity', { key: customer.key })).status).toBe(403);
  });

  it("leaves out the day that is not over, and is read by OpenRouter's client", async () => {
    await spend(gateway, customer.key, 1);
    expect((await client(management).analytics.getUserActivity()).data).toEqual([]);
  });

  it.each([
    ['today', `date=${new Date().toISOString().slice(0, 10)}`, 'date'],
    ['a day too long ago', 'date=2020-01-01', 'date'],
    ['no day', 'date=yesterday', 'date'],
    ['another grouping', 'group_by=model', 'group_by'],
  ])('refuses %s', async (_, query, param) => {
    const { status, json } = await ask(gateway, `/v1/activity?${query}`, { key: management });
    expect([status, json.error.param]).toEqual([400, param]);
  });

  it("knows no key and no user of others'", async () => {
    const stranger = await gateway.admin.openCustomer();
    for (const query of [`api_key_hash=${stranger.hash}`, 'api_key_hash=zz', `user_id=${stranger.userId}`])
      expect((await ask(gateway, `/v1/activity?${query}`, { key: management })).status).toBe(404);
    for (const query of [`api_key_hash=${customer.hash}`, `user_id=${customer.userId}`, 'group_by=workspace'])
      expect((await ask(gateway, `/v1/activity?${query}`, { key: management })).status).toBe(200);
  });
});
