/** `ledger`: short work that is owed until it is done. `finance`: long work that may be given up, and is then looked at. */
export const QUEUE_NAMES = ['ledger', 'finance'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** A kind of work that outlives the process that asked for it. It may run twice, and must not do its work twice. */
export interface Job {
  readonly name: string;
  /** Absent: `ledger`. */
  readonly queue?: QueueName;
  /** Absent: it runs when it is asked for. */
  readonly everyMs?: number;
  run(data: unknown, progress: (done: number) => Promise<void>, attempt: JobAttempt): Promise<void>;
}

/** One try at a job. */
export interface JobAttempt {
  /** From 1. */
  readonly number: number;
  /** If this one fails the job is given up, and kept as a dead letter. */
  readonly isLast: boolean;
  /** Aborted when the process ends. A job that takes long stops then, and throws JobInterrupted. */
  readonly stopping: AbortSignal;
}

/** A job stopped where it was, because its process ends or what it needs is not there yet. The attempt does not count. */
export class JobInterrupted extends Error {
  /** @param pauseMs until it is tried again */
  constructor(
    message = 'the process ends; another one goes on',
    readonly pauseMs = 1_000,
  ) {
    super(message);
  }
}

/**
 * Where features bring their jobs, before the application is up (`onModuleInit`): the queue knows none of them by itself. Every
 * process registers; those with the role `jobs` run them.
 */
export class JobRegistry {
  private readonly jobs = new Map<string, Job>();

  register(job: Job): void {
    if (this.jobs.has(job.name)) throw new Error(`job ${job.name} is registered twice`);
    this.jobs.set(job.name, job);
  }

  list(): readonly Job[] {
    return [...this.jobs.values()];
  }

  /** Where a job is kept: also one that nobody has registered, which the module knows by itself. */
  queueOf(name: string): QueueName {
    return this.jobs.get(name)?.queue ?? 'ledger';
  }
}

/** What the queue knows of a job that was asked for. */
export type JobState = 'waiting' | 'failed' | 'unknown';

/** Asks for a job. Resolves when the queue has it. */
export abstract class JobRequests {
  /**
   * @param name of a registered job
   * @param id the same id is the same request: while it waits or runs, or is kept as failed, it is not made again
   */
  abstract add(name: string, id: string, data: object): Promise<void>;
  /** Has one that was given up tried again, with all its attempts. @returns whether there was one */
  abstract rerun(name: string, id: string): Promise<boolean>;
  /** waiting: it waits or runs. unknown: it is done, was removed, or was never asked for. */
  abstract state(name: string, id: string): Promise<JobState>;
}
