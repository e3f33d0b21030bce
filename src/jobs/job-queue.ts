import {
  createPostgresBackend,
  DelayedError,
  type JobProgress,
  type JobsOptions,
  Queue,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Redis } from 'ioredis';
import { type JobAttempt, JobInterrupted, type QueueName } from './job-registry.js';
import type { QueueOutage } from './queue-outage.js';

/** Where jobs are kept: Redis where there is one, else the PostgreSQL database that is there anyway. */
export interface QueueLocation {
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
}

/** What a job does, by its name. Every job may run twice without doing its work twice. */
export type JobHandlers = Readonly<
  Record<string, (data: unknown, progress: (done: number) => Promise<void>, attempt: JobAttempt) => Promise<void>>
>;

interface TakenJob {
  readonly name: string;
  readonly data: unknown;
  readonly attemptsMade: number;
  readonly opts: { readonly attempts?: number };
  updateProgress(progress: JobProgress): Promise<void>;
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

const SCHEMA = 'jobs';
/** How many jobs of a queue one process does at a time. A report takes minutes and the processor: never two. */
const CONCURRENCY: Readonly<Record<QueueName, number>> = { ledger: 10, finance: 1 };
/**
 * How often a process may die at a job. What the ledger is owed is tried for ever; a report that ends every process it is given to
 * must not take them all down.
 */
const STALLED_MAX: Readonly<Record<QueueName, number>> = { ledger: 2 ** 31 - 1, finance: 10 };
const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
const POOL_MAX = 4;
const STALLED_CHECK_MS = 10_000;
/** Between two attempts to reach a queue that is away. A worker that closes waits for it, so it is short. */
export const RETRY_MS = 1_000;

/** A queue for the work that must be done even if this process dies first. */
export function openQueue(location: QueueLocation, name: QueueName = 'ledger'): Queue {
  if (location.redisUrl !== undefined)
    return new Queue(name, { connection: { url: location.redisUrl, maxRetriesPerRequest: 1 } });
  return new Queue(name, { connection: postgres(location) } as QueueOptions, createPostgresBackend as never) as unknown as Queue;
}

/**
 * Works a queue off in this process, once it is told to run.
 * @param outage told of every attempt to reach the queue
 * @param stopping aborts when this process ends: long jobs then leave the rest to another one
 */
export function openWorker(
  location: QueueLocation,
  handlers: JobHandlers,
  outage: QueueOutage,
  name: QueueName = 'ledger',
  stopping: AbortSignal = new AbortController().signal,
): Worker {
  const process = async (job: TakenJob, token?: string) => {
    const handler = handlers[job.name];
    if (!handler) throw new Error(`no handler for job ${job.name}`);
    const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    try {
      await handler(job.data, (done) => job.updateProgress(done), { number: job.attemptsMade + 1, isLast, stopping });
    } catch (error) {
      if (!(error instanceof JobInterrupted)) throw error;
      // Given back to the queue: no attempt is used up by a process that ends, nor by waiting.
      await job.moveToDelayed(Date.now() + error.pauseMs, token);
      throw new DelayedError();
    }
  };
  const settings = { backoffStrategy: (attempt: number) => Math.min(BACK_OFF_MS * 2 ** attempt, BACK_OFF_MAX_MS) };
  // A process that dies at a job does not use up its tries: it goes to the next one.
  const options = {
    autorun: false,
    concurrency: CONCURRENCY[name],
    settings,
    maxStalledCount: STALLED_MAX[name],
    stalledInterval: STALLED_CHECK_MS,
    runRetryDelay: RETRY_MS,
  };
  const worker = openOn(name, location, process, options, outage);
  worker.on('error', (error) => outage.away(error));
  return worker;
}

function openOn(
  name: QueueName,
  location: QueueLocation,
  process: (job: TakenJob, token?: string) => Promise<void>,
  options: Omit<WorkerOptions, 'connection'>,
  outage: QueueOutage,
): Worker {
  if (location.redisUrl !== undefined) {
    const connection = new Redis(location.redisUrl, { maxRetriesPerRequest: null });
    connection.on('ready', () => outage.back());
    // Handed over, it is not closed with the worker.
    return new Worker(name, process, { ...options, connection }).once('closed', () => connection.disconnect());
  }
  const backend = (...made: Parameters<typeof createPostgresBackend>) => patient(createPostgresBackend(...made), outage);
  const inPostgres = { ...options, connection: postgres(location) } as WorkerOptions;
  return new Worker(name, process, inPostgres, backend as never) as unknown as Worker;
}

/** The two questions that a worker asks all the time. */
interface Backend {
  moveToActive(...args: never[]): Promise<unknown>;
  waitForJob(...args: never[]): Promise<unknown>;
}

/**
 * The same backend, with a pause before it says that it could not ask: BullMQ pauses itself only where the connection is refused,
 * and asks again at once, or ten times a second, where it breaks or PostgreSQL is starting.
 */
export function patient<B extends Backend>(backend: B, outage: QueueOutage): B {
  const waiting = async (error: Error): Promise<never> => {
    outage.away(error);
    await new Promise((over) => setTimeout(over, RETRY_MS));
    throw error;
  };
  const moveToActive = backend.moveToActive.bind(backend);
  const waitForJob = backend.waitForJob.bind(backend);
  backend.moveToActive = async (...args) => {
    const fetched = await moveToActive(...args).catch(waiting);
    outage.back();
    return fetched;
  };
  // It also comes back, with nothing, when its connection breaks: no sign that the queue is there.
  backend.waitForJob = (...args) => waitForJob(...args).catch(waiting);
  return backend;
}

/** Options of a job that is repeated, ever slower, until it succeeds. */
export const UNTIL_DONE = {
  // The most that the PostgreSQL backend can hold: at the slowest pace, two thousand years.
  attempts: 2 ** 31 - 1,
  backoff: { type: 'custom' },
  removeOnComplete: true,
} as const;

/** Options of a job that is given up after some attempts and then kept, with its error, until somebody looks at it. */
export const UNTIL_DEAD = { attempts: 5, backoff: { type: 'exponential', delay: 2_000 }, removeOnComplete: true } as const;

/** How a job that was asked for is repeated, by its queue. */
export const REPEATED: Readonly<Record<QueueName, JobsOptions>> = { ledger: UNTIL_DONE, finance: UNTIL_DEAD };

const postgres = ({ databaseUrl }: QueueLocation) => ({
  connectionString: databaseUrl,
  schema: SCHEMA,
  migrate: true,
  max: POOL_MAX,
});
