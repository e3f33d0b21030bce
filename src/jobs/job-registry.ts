/** A kind of work that outlives the process that asked for it. It may run twice, and must not do its work twice. */
export interface Job {
  readonly name: string;
  /** Absent: it runs when it is asked for. */
  readonly everyMs?: number;
  run(data: unknown, progress: (done: number) => Promise<void>): Promise<void>;
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
}

/** Asks for a job. Resolves when the queue has it. */
export abstract class JobRequests {
  /**
   * @param name of a registered job
   * @param id the same id is the same request: while it waits or runs, or is kept as failed, it is not made again
   */
  abstract add(name: string, id: string, data: object): Promise<void>;
}
