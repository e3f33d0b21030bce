/** Rate limits that several processes count together, in a real Redis; and in each alone while that is away. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type RedisServer, redisIsHere, startRedis } from '../support/redis.js';
import { ask, chat } from './http.js';

const here = redisIsHere();
if (!here) console.warn('SKIPPED: rate limits in Redis. There is no redis-server here, and it cannot be installed.');

(here ? describe : describe.skip)('rate limits in Redis', () => {
  let redis: RedisServer;
  let one: Gateway;
  let other: Gateway;
  let node: TemporaryNode;
  let upstream: FakeUpstream;
  beforeAll(async () => {
    [redis, node, upstream] = await Promise.all([startRedis(), startTemporaryNode(), startFakeUpstream()]);
    const env = {
      REDIS_URL: redis.url,
      EVENTSTORE_URL: node.connectionString,
      DATABASE_URL: await createDatabase(),
      RATE_LIMITS: 'free=6,premium=0',
      KEY_RATE_LIMITS: 'premium=3',
    };
    [one, other] = await Promise.all([startGateway({ upstream, env }), startGateway({ upstream, env })]);
    beforeStop(async () => {
      await Promise.all([one.dispose(), other.dispose()]);
      await redis.stop();
    });
  });
  afterAll(async () => {
    await upstream?.close();
    await node?.dispose();
  });

  const statusOf = async (gateway: Gateway, key: string) =>
    (await ask(gateway, '/v1/chat/completions', { key, body: chat('hi') })).status;

  test('count what two processes let through', async () => {
    const { key } = await one.admin.openCustomer({ tier: 'free' });
    const statuses = [];
    for (let request = 0; request < 8; request++) statuses.push(await statusOf(request % 2 === 0 ? one : other, key));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
  });

  test('are each key’s own where they are set for keys, and say when to come back', async () => {
    const { key, userId } = await one.admin.openCustomer({ tier: 'premium' });
    const second = await one.admin.issueKey(userId);
    for (let request = 0; request < 3; request++) expect(await statusOf(one, key)).toBe(200);
    const refused = await ask(one, '/v1/chat/completions', { key, body: chat('hi') });
    expect([refused.status, refused.json.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(refused.headers.get('x-ratelimit-limit')).toBe('3');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await statusOf(one, second.key)).toBe(200);
  });
});
