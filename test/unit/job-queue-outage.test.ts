/** While the queue is away its worker asks at a steady pace, and the log says so now and then. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { patient, RETRY_MS } from '../../src/jobs/job-queue.js';
import { QueueOutage } from '../../src/jobs/queue-outage.js';

let now: number;
let lines: object[];
let outage: QueueOutage;

beforeEach(() => {
  now = 0;
  lines = [];
  const write = (line: object) => void lines.push(line);
  outage = new QueueOutage({ error: write, warn: write }, () => now);
});
afterEach(() => {
  jest.useRealTimers();
});

const away = (at: number, error = new Error('broken')) => {
  now = at;
  outage.away(error);
};

test('the first error is said at once, then one line every 30 seconds with their number, then the end', () => {
  for (let second = 0; second <= 70; second++) away(second * 1_000);
  outage.back();
  outage.back();
  expect(lines).toEqual([
    { msg: 'the job queue is away', error: 'broken', errors: 1 },
    { msg: 'the job queue is away', error: 'broken', errors: 30 },
    { msg: 'the job queue is away', error: 'broken', errors: 30 },
    { msg: 'the job queue is back', errors: 10 },
  ]);
});

test('a queue that comes and goes is said no more often', () => {
  for (let ms = 0; ms < 30_000; ms += 100) {
    away(ms);
    outage.back();
  }
  away(30_000);
  expect(lines).toEqual([
    { msg: 'the job queue is away', error: 'broken', errors: 1 },
    { msg: 'the job queue is back', errors: 0 },
    { msg: 'the job queue is away', error: 'broken', errors: 300 },
  ]);
});

test('one error that is told twice counts once; one without a message is known by its code', () => {
  const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
  away(0, refused);
  away(0, refused);
  outage.back();
  expect(lines).toEqual([
    { msg: 'the job queue is away', error: 'ECONNREFUSED', errors: 1 },
    { msg: 'the job queue is back', errors: 0 },
  ]);
});

test.each(['moveToActive', 'waitForJob'] as const)('%s fails only after a pause', async (question) => {
  jest.useFakeTimers();
  const fails = async () => {
    throw new Error('Connection terminated unexpectedly');
  };
  const backend = patient({ moveToActive: fails, waitForJob: fails }, outage);
  let ended = 0;
  const asked = Promise.resolve(backend[question]()).catch((error: Error) => {
    ended += 1;
    return error.message;
  });
  await jest.advanceTimersByTimeAsync(RETRY_MS - 1);
  expect([ended, lines.length]).toEqual([0, 1]);
  await jest.advanceTimersByTimeAsync(1);
  expect(await asked).toBe('Connection terminated unexpectedly');
});

test('a question that is answered ends the outage; a wait that ends does not', async () => {
  away(0);
  const backend = patient({ moveToActive: async () => 'a job', waitForJob: async () => null }, outage);
  expect([await backend.waitForJob(), lines.length]).toEqual([null, 1]);
  expect([await backend.moveToActive(), lines.length]).toEqual(['a job', 2]);
});
