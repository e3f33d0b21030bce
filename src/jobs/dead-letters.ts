import type { Job } from 'bullmq';
import type { JobQueues } from './job-queues.js';
import { QUEUE_NAMES, type QueueName } from './job-registry.js';
import { withoutSecrets } from './without-secrets.js';

/** A job that was given up, and is kept until somebody looks at it. */
export interface DeadLetter {
  readonly queue: QueueName;
  readonly id: string;
  readonly job: string;
  readonly data: unknown;
  readonly error: string;
  readonly attempts: number;
  readonly failedAt: Date;
}

/** The jobs that were given up, over all queues. */
export class DeadLetters {
  constructor(private readonly queues: JobQueues) {}

  /** The newest of all queues, at most so many. */
  async list(limit: number): Promise<readonly DeadLetter[]> {
    const failed = await Promise.all(
      QUEUE_NAMES.map(async (queue) => (await this.queues.of(queue).getFailed(0, limit - 1)).map((job) => letterOf(queue, job))),
    );
    return failed
      .flat()
      .sort((a, b) => b.failedAt.getTime() - a.failedAt.getTime())
      .slice(0, limit);
  }

  /** Has it tried again, with all its attempts. @returns whether there was one */
  async rerun(queue: QueueName, id: string): Promise<boolean> {
    const job = await this.find(queue, id);
    await job?.retry('failed', { resetAttemptsMade: true });
    return job !== undefined;
  }

  /** Forgets one. @returns whether there was one */
  async remove(queue: QueueName, id: string): Promise<boolean> {
    const job = await this.find(queue, id);
    await job?.remove();
    return job !== undefined;
  }

  /** Only a failed one: what waits or runs is owed to somebody. */
  private async find(queue: QueueName, id: string): Promise<Job | undefined> {
    const job = await this.queues.of(queue).getJob(id);
    return job && (await job.isFailed()) ? job : undefined;
  }
}

const letterOf = (queue: QueueName, job: Job): DeadLetter => ({
  queue,
  id: job.id ?? '',
  job: job.name,
  data: withoutSecrets(job.data),
  error: String(withoutSecrets(job.failedReason ?? '')),
  attempts: job.attemptsMade,
  failedAt: new Date(job.finishedOn ?? job.timestamp),
});
