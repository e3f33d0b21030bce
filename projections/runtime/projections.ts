import type { DataSource } from 'typeorm';
import type { EventStore } from '../../src/event-store/event-store.js';
import type { Freshness } from './freshness.js';
import { ProjectionRunner, type ProjectionStatus, type RunnerLog } from './runner.js';
import type { AnyProjectionDefinition } from './stored-projection.js';

/** The runners of this process, one for each projection. A projection that stops does not stop another. */
export class Projections {
  /** Told of each commit of a runner; set by whoever measures. */
  onCommit: ((name: string, events: number) => void) | undefined;
  private readonly runners: readonly ProjectionRunner[];

  constructor(
    readonly definitions: readonly AnyProjectionDefinition[],
    dataSource: DataSource,
    events: Pick<EventStore, 'read' | 'subscribe'>,
    freshness: Freshness,
    log: RunnerLog,
  ) {
    this.runners = definitions.map((definition) => {
      const onCommit = (count: number) => this.onCommit?.(definition.projection.name, count);
      return new ProjectionRunner(definition, dataSource, events, freshness, log, { onCommit });
    });
  }

  start(): void {
    for (const runner of this.runners) runner.start();
  }

  /** Finishes the batches under way and gives up every lead. */
  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop()));
  }

  /** Where each projection is; before `start`, and in a process that does not run them, `standby`. */
  statuses(): ProjectionStatus[] {
    return this.runners.map((runner) => runner.status());
  }
}
