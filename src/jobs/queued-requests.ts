import { REPEATED } from './job-queue.js';
import type { JobQueues } from './job-queues.js';
import { type JobRegistry, JobRequests, type JobState } from './job-registry.js';

const GONE: ReadonlySet<string> = new Set(['unknown', 'completed']);

/** Requests for jobs, in the queue that each job belongs to. */
export class QueuedRequests extends JobRequests {
  constructor(
    private readonly queues: JobQueues,
    private readonly registry: JobRegistry,
  ) {
    super();
  }

  async add(name: string, id: string, data: object): Promise<void> {
    const queue = this.registry.queueOf(name);
    await this.queues.of(queue).add(name, data, { ...REPEATED[queue], jobId: jobIdOf(name, id) });
  }

  async rerun(name: string, id: string): Promise<boolean> {
    const job = await this.queues.of(this.registry.queueOf(name)).getJob(jobIdOf(name, id));
    if (!job || !(await job.isFailed())) return false;
    await job.retry('failed', { resetAttemptsMade: true });
    return true;
  }

  async state(name: string, id: string): Promise<JobState> {
    const state = await this.queues.of(this.registry.queueOf(name)).getJobState(jobIdOf(name, id));
    if (state === 'failed') return 'failed';
    return GONE.has(state) ? 'unknown' : 'waiting';
  }
}

const jobIdOf = (name: string, id: string): string => `${name}-${id}`;
