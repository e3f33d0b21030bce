/** The board of the queues opens for the administration token alone, loses no job, and shows no secret. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { JobQueues } from '../../src/jobs/job-queues.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type ReportWorld, runIn, startReportWorld, TOKEN } from '../support/report-world.js';

const BOARD = '/admin/queues';
const NOBODY = { authorization: '' };
const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}` });
const ours = () => ({ ...basic(TOKEN), origin: world.url });
const API_KEY = 'sk-mcp-abcdefgh-0123456789012345678901234567';

let world: ReportWorld;
let failedId: string;
beforeAll(async () => {
  world = await startReportWorld(await createDatabase());
  beforeStop(() => world.close());
  world.monthly.rows = [[1n, 0, null, 0n, 0n, 0n]];
  world.monthly.fault = { after: 0, error: new Error(`the figures are away: Bearer ${API_KEY}`) };
  const { json } = await world.ask('POST', '/api/v3/admin/reports', { report: 'made-up-monthly', period: '2026-01' });
  await runIn(world, json.id, 'failed');
  failedId = `run-report-${json.id}`;
});

describe('without the token', () => {
  test.each(['', '/', '/queue/ledger', '/api/queues', '/api/redis/stats', '/static/favicon.ico', '/static/images/logo.svg'])(
    '"%s" is closed, and asks a browser for a password',
    async (path) => {
      for (const headers of [
        NOBODY,
        { authorization: 'Bearer wrong' },
        basic('wrong'),
        basic(''),
        { authorization: 'Basic !' },
      ]) {
        const answer = await world.ask('GET', BOARD + path, undefined, headers);
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="queues", charset="UTF-8"']);
      }
    },
  );

  test('nothing is done', async () => {
    for (const headers of [NOBODY, basic('wrong')])
      expect((await world.ask('PUT', `${BOARD}/api/queues/ledger/pause`, undefined, headers)).status).toBe(401);
    expect(await world.app.get(JobQueues, { strict: false }).of('ledger').isPaused()).toBe(false);
  });
});

describe('with the token', () => {
  test.each([
    ['as bearer', { authorization: `Bearer ${TOKEN}` }],
    ['as password', basic(TOKEN)],
  ] as [string, Record<string, string>][])(
    '%s the pages, their scripts and the figures are open, under headers that keep them so',
    async (_how, headers) => {
      const page = await world.ask('GET', BOARD, undefined, headers);
      expect(page.status).toBe(200);
      const html = page.bytes.toString();
      expect(html).toContain(`<base href="${BOARD}/" />`);
      const script = /src="(static\/js\/main[^"]+)"/.exec(html)?.[1];
      expect((await world.ask('GET', `${BOARD}/${script}`, undefined, headers)).status).toBe(200);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
      expect(page.headers.get('x-frame-options')).toBe('DENY');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('set-cookie')).toBeNull();
      const queues = await world.ask('GET', `${BOARD}/api/queues?activeQueue=finance&status=failed`, undefined, headers);
      expect(queues.status).toBe(200);
      const json = JSON.parse(queues.bytes.toString());
      expect(json.queues.map(({ name }: { name: string }) => name).sort()).toEqual(['finance', 'ledger']);
    },
  );

  test('a failed job is shown without the key that its error tells of', async () => {
    const { bytes, status } = await world.ask('GET', `${BOARD}/api/queues/finance/${failedId}`);
    expect(status).toBe(200);
    expect(bytes.toString()).toContain('the figures are away');
    expect(bytes.toString()).not.toContain(API_KEY);
    const letters = await world.ask('GET', '/api/v3/admin/dead-letters');
    expect(letters.json.data[0].error).toBe('the figures are away: [hidden]');
  });

  test('a name that no job has is told nothing of the database', async () => {
    const asked: [string, string][] = [
      ['GET', `${BOARD}/api/queues/finance/a%00b`],
      ['PUT', `${BOARD}/api/queues/finance/a%00b/retry`],
      ['DELETE', '/api/v3/admin/dead-letters/finance/a%00b'],
    ];
    for (const [method, path] of asked) {
      const { status, bytes } = await world.ask(method, path);
      expect([path, status]).toEqual([path, 400]);
      expect(bytes.toString()).not.toMatch(/byte sequence|UTF8/);
    }
  });

  test('another page cannot make the browser do anything', async () => {
    const pause = (headers: Record<string, string>) =>
      world.ask('PUT', `${BOARD}/api/queues/finance/pause`, undefined, { ...basic(TOKEN), ...headers });
    for (const headers of [{}, { origin: 'https://elsewhere.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
      expect((await pause(headers as Record<string, string>)).status).toBe(403);
    const finance = world.app.get(JobQueues, { strict: false }).of('finance');
    expect(await finance.isPaused()).toBe(false);
    expect((await pause({ origin: world.url })).status).toBe(200);
    expect(await finance.isPaused()).toBe(true);
    expect((await world.ask('PUT', `${BOARD}/api/queues/finance/resume`, undefined, ours())).status).toBe(200);
    expect(await finance.isPaused()).toBe(false);
  });

  test.each([
    ['PUT', '/api/queues/finance/empty'],
    ['PUT', '/api/queues/finance/obliterate'],
    ['PUT', '/api/queues/finance/clean/failed'],
    ['PUT', '/api/queues/finance/JOB/clean'],
    ['PATCH', '/api/queues/finance/JOB/update-data'],
    ['POST', '/api/queues/finance/add'],
    ['PUT', '/api/queues/ledger/job-schedulers/expire-credits/remove'],
  ])('%s %s drops or rewrites no job', async (method, path) => {
    const answer = await world.ask(method, BOARD + path.replace('JOB', failedId), {}, ours());
    expect(answer.status).toBe(403);
    expect(await world.app.get(JobQueues, { strict: false }).of('finance').getJobCounts('failed')).toEqual({ failed: 1 });
  });

  test('a failed job is tried again', async () => {
    world.monthly.fault = undefined;
    const { status } = await world.ask('PUT', `${BOARD}/api/queues/finance/${failedId}/retry`, undefined, ours());
    expect(status).toBe(204);
    await runIn(world, failedId.slice('run-report-'.length), 'done');
  });
});
