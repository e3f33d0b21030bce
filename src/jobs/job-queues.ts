import type { Queue } from 'bullmq';
import { openQueue, type QueueLocation } from './job-queue.js';
import { QUEUE_NAMES, type QueueName } from './job-registry.js';

/** The queues of the program, each by its name. */
export class JobQueues {
  private readonly queues: ReadonlyMap<QueueName, Queue>;

  constructor(location: QueueLocation) {
    this.queues = new Map(QUEUE_NAMES.map((name) => [name, openQueue(location, name)]));
  }

  of(name: QueueName): Queue {
    const queue = this.queues.get(name);
    if (!queue) throw new Error(`there is no queue ${name}`);
    return queue;
  }

  all(): readonly Queue[] {
    return [...this.queues.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((queue) => queue.close()));
  }
}
