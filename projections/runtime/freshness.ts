import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { readCheckpoint } from './checkpoint.js';
import type { Projection } from './projection.js';

/** How often the checkpoint is looked up while somebody waits, for a runner in another process. */
const POLL_MS = 20;

type Named = Pick<Projection<never>, 'name' | 'version'>;

interface Progress {
  position: bigint;
  readonly waiting: Set<Waiter>;
  polling: boolean;
  /** Ends the pause of a runner in this process that lets events gather. */
  hurry: (() => void) | undefined;
}

interface Waiter {
  readonly position: bigint;
  readonly resolve: (reached: boolean) => void;
}

/**
 * Lets a read be as fresh as a write that its caller knows of. A runner in this process tells its commits; one in another is
 * seen by the checkpoint's row, looked up once for all who wait and only while somebody does.
 */
export class Freshness {
  private readonly progress = new Map<string, Progress>();

  constructor(private readonly dataSource: DataSource) {}

  /** A commit of this process's runner. */
  reached(projection: Named, position: bigint): void {
    const progress = this.progressOf(projection);
    progress.position = position;
    for (const waiter of progress.waiting) if (waiter.position <= position) waiter.resolve(true);
  }

  /** Resolves true as soon as the projection has folded everything up to `position`, false where it has not within `timeoutMs`. */
  async waitFor(projection: Named, position: bigint, timeoutMs: number): Promise<boolean> {
    const progress = this.progressOf(projection);
    if (progress.position >= position) return true;
    let waiter: Waiter | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<boolean>((resolve) => {
        waiter = { position, resolve };
        progress.waiting.add(waiter);
        progress.hurry?.();
        timer = setTimeout(resolve, timeoutMs, false);
        if (!progress.polling) void this.poll(projection, progress);
      });
    } finally {
      clearTimeout(timer);
      if (waiter) progress.waiting.delete(waiter);
    }
  }

  /** Lets events gather, so that many share one commit, for as long as nobody waits for them. */
  async gather(projection: Named, ms: number): Promise<void> {
    const progress = this.progressOf(projection);
    if (progress.waiting.size > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      progress.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    progress.hurry = undefined;
  }

  private async poll(projection: Named, progress: Progress): Promise<void> {
    progress.polling = true;
    while (progress.waiting.size > 0 && this.dataSource.isInitialized) {
      // While the database is away nothing is known, and those who wait time out.
      const checkpoint = await readCheckpoint(this.dataSource, projection).catch(() => undefined);
      if (checkpoint && checkpoint.position > progress.position) this.reached(projection, checkpoint.position);
      await delay(POLL_MS);
    }
    progress.polling = false;
  }

  private progressOf({ name, version }: Named): Progress {
    const key = `${name}_v${version}`;
    let progress = this.progress.get(key);
    if (!progress) {
      progress = { position: -1n, waiting: new Set(), polling: false, hurry: undefined };
      this.progress.set(key, progress);
    }
    return progress;
  }
}
