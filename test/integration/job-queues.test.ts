/** What the queues promise, on PostgreSQL and on Redis alike. */
import { once } from 'node:events';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { DeadLetters } from '../../src/jobs/dead-letters.js';
import { type JobHandlers, openWorker, type QueueLocation } from '../../src/jobs/job-queue.js';
import { JobQueues } from '../../src/jobs/job-queues.js';
import { type JobAttempt, JobInterrupted, JobRegistry } from '../../src/jobs/job-registry.js';
import { QueueOutage } from '../../src/jobs/queue-outage.js';
import { QueuedRequests } from '../../src/jobs/queued-requests.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type RedisServer, redisIsHere, startRedis } from '../support/redis.js';
import { runIn, startReportWorld } from '../support/report-world.js';

const BACKENDS = ['PostgreSQL', ...(redisIsHere() ? ['Redis'] : [])];
const NAME = 'a-report';

let redis: RedisServer | undefined;
afterAll(async () => {
  await redis?.stop();
});

async function locationIn(backend: string): Promise<QueueLocation> {
  if (backend === 'Redis') redis ??= await startRedis();
  return { databaseUrl: await createDatabase(), redisUrl: backend === 'Redis' ? redis?.url : undefined };
}

interface Opened {
  readonly queues: JobQueues;
  readonly requests: QueuedRequests;
  /** Starts a process's worker of the queue `finance`. */
  work(run: JobHandlers[string]): Promise<{ stop(): Promise<void> }>;
}

async function opened(backend: string): Promise<Opened> {
  const location = await locationIn(backend);
  const queues = new JobQueues(location);
  await queues.of('finance').obliterate({ force: true });
  beforeStop(() => queues.close());
  const registry = new JobRegistry();
  registry.register({ name: NAME, queue: 'finance', run: async () => undefined });
  const work: Opened['work'] = async (run) => {
    const stopping = new AbortController();
    const worker = openWorker(location, { [NAME]: run }, new QueueOutage(new Logger()), 'finance', stopping.signal);
    await worker.waitUntilReady();
    void worker.run();
    return {
      stop: async () => {
        stopping.abort();
        await worker.close();
      },
    };
  };
  return { queues, requests: new QueuedRequests(queues, registry), work };
}

/** Waits for a condition; pauses between attempts are cut short. */
async function until(queues: JobQueues, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 40_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it did not come to pass');
    for (const job of await queues.of('finance').getDelayed()) await job.promote().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(BACKENDS)('on %s', (backend) => {
  test('a job that is interrupted goes to another process, and no attempt is used up', async () => {
    const { queues, requests, work } = await opened(backend);
    const attempts: JobAttempt[] = [];
    const begun = new EventTarget();
    const first = await work(async (_data, _progress, attempt) => {
      attempts.push(attempt);
      begun.dispatchEvent(new Event('begun'));
      await once(attempt.stopping, 'abort');
      throw new JobInterrupted();
    });
    const isBegun = once(begun, 'begun');
    await requests.add(NAME, 'one', {});
    await isBegun;
    await first.stop();
    expect(await requests.state(NAME, 'one')).toBe('waiting');
    const second = await work(async (_data, _progress, attempt) => void attempts.push(attempt));
    await until(queues, async () => (await requests.state(NAME, 'one')) === 'unknown');
    await second.stop();
    expect(attempts.map(({ number, isLast }) => [number, isLast])).toEqual([
      [1, false],
      [1, false],
    ]);
  });

  test('a job is given up after five attempts, kept, and is no other one until it is run again or forgotten', async () => {
    const { queues, requests, work } = await opened(backend);
    const letters = new DeadLetters(queues);
    let isLast: boolean[] = [];
    const worker = await work(async (_data, _progress, attempt) => {
      isLast.push(attempt.isLast);
      throw new Error('no figures');
    });
    const failed = async () => (await requests.state(NAME, 'two')) === 'failed';
    await requests.add(NAME, 'two', { run_id: 'two' });
    await until(queues, failed);
    expect(isLast).toEqual([false, false, false, false, true]);
    expect(await letters.list(10)).toMatchObject([
      { queue: 'finance', id: `${NAME}-two`, job: NAME, data: { run_id: 'two' }, error: 'no figures', attempts: 5 },
    ]);

    await requests.add(NAME, 'two', { run_id: 'two' });
    expect(await failed()).toBe(true);

    isLast = [];
    expect(await requests.rerun(NAME, 'two')).toBe(true);
    await until(queues, async () => isLast.length === 5 && (await failed()));
    expect(isLast).toEqual([false, false, false, false, true]);

    expect(await letters.remove('ledger', `${NAME}-two`)).toBe(false);
    expect(await letters.remove('finance', `${NAME}-two`)).toBe(true);
    expect(await letters.list(10)).toEqual([]);
    expect(await requests.rerun(NAME, 'two')).toBe(false);
    await worker.stop();
  });

  test('what waits cannot be forgotten as a dead letter', async () => {
    const { queues, requests } = await opened(backend);
    const letters = new DeadLetters(queues);
    await requests.add(NAME, 'three', {});
    expect([await letters.remove('finance', `${NAME}-three`), await letters.rerun('finance', `${NAME}-three`)]).toEqual([
      false,
      false,
    ]);
    expect(await requests.state(NAME, 'three')).toBe('waiting');
  });

  test('a report is carried out, and the board shows its queue', async () => {
    const { databaseUrl, redisUrl } = await locationIn(backend);
    const world = await startReportWorld(databaseUrl, redisUrl);
    beforeStop(() => world.close());
    world.monthly.rows = [[1n, 0, null, 0n, 5n, 5n]];
    const { json } = await world.ask('POST', '/api/v3/admin/reports', { report: 'made-up-monthly', period: '2026-01' });
    expect((await runIn(world, json.id, 'done')).control.totals).toEqual({ debits: '0.000000005', credits: '0.000000005' });
    const board = await world.ask('GET', '/admin/queues/api/queues?activeQueue=finance');
    expect(board.status).toBe(200);
  });
});
