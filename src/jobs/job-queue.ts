import { createPostgresBackend, Queue, type QueueOptions, Worker, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';

/** Where jobs are kept: Redis where there is one, else the PostgreSQL database that is there anyway. */
export interface QueueLocation {
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
}

/** What a job does, by its name. Every job may run twice without doing its work twice. */
export type JobHandlers = Readonly<Record<string, (data: unknown) => Promise<void>>>;

const QUEUE = 'ledger';
const SCHEMA = 'jobs';
const CONCURRENCY = 10;
const BACK_OFF_MS = 500;
const BACK_OFF_MAX_MS = 30_000;
const POOL_MAX = 4;
const STALLED_CHECK_MS = 10_000;

/** A queue for the work that must be done even if this process dies first. */
export function openQueue(location: QueueLocation): Queue {
  if (location.redisUrl !== undefined)
    return new Queue(QUEUE, { connection: new Redis(location.redisUrl, { maxRetriesPerRequest: 1 }) });
  return new Queue(QUEUE, { connection: postgres(location) } as QueueOptions, createPostgresBackend as never) as unknown as Queue;
}

/** Works the queue off in this process, once it is told to run. */
export function openWorker(location: QueueLocation, handlers: JobHandlers): Worker {
  const process = async ({ name, data }: { name: string; data: unknown }) => {
    const handler = handlers[name];
    if (!handler) throw new Error(`no handler for job ${name}`);
    await handler(data);
  };
  const settings = { backoffStrategy: (attempt: number) => Math.min(BACK_OFF_MS * 2 ** attempt, BACK_OFF_MAX_MS) };
  // A process that dies at a job does not use up its tries: it goes to the next one, however often.
  const options = {
    autorun: false,
    concurrency: CONCURRENCY,
    settings,
    maxStalledCount: 2 ** 31 - 1,
    stalledInterval: STALLED_CHECK_MS,
  };
  if (location.redisUrl !== undefined) {
    return new Worker(QUEUE, process, { ...options, connection: new Redis(location.redisUrl, { maxRetriesPerRequest: null }) });
  }
  const inPostgres = { ...options, connection: postgres(location) } as WorkerOptions;
  return new Worker(QUEUE, process, inPostgres, createPostgresBackend as never) as unknown as Worker;
}

/** Options of a job that is repeated, ever slower, until it succeeds. */
export const UNTIL_DONE = {
  // The most that the PostgreSQL backend can hold: at the slowest pace, two thousand years.
  attempts: 2 ** 31 - 1,
  backoff: { type: 'custom' },
  removeOnComplete: true,
} as const;

const postgres = ({ databaseUrl }: QueueLocation) => ({
  connectionString: databaseUrl,
  schema: SCHEMA,
  migrate: true,
  max: POOL_MAX,
});
