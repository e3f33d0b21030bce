import type { Logger } from '@nestjs/common';

/** Between two lines about an outage. */
const SAID_EVERY_MS = 30_000;

/** What the log says while the queue cannot be reached: the first error at once, then a line now and then, and one at the end. */
export class QueueOutage {
  private errors = 0;
  private isSaid = false;
  private saidAt = Number.NEGATIVE_INFINITY;
  private last: Error | undefined;

  /** @param now a clock in milliseconds that only goes forward */
  constructor(
    private readonly logger: Pick<Logger, 'error' | 'warn'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** An attempt has failed. The same error may be told twice, by who caught it and by who was handed it. */
  away(error: Error): void {
    if (error === this.last) return;
    this.last = error;
    this.errors += 1;
    const now = this.now();
    if (now - this.saidAt < SAID_EVERY_MS) return;
    this.saidAt = now;
    this.isSaid = true;
    this.logger.error({ msg: 'the job queue is away', error: messageOf(error), errors: this.errors });
    this.errors = 0;
  }

  /** An attempt has succeeded. An outage that was not said has no end to say. */
  back(): void {
    if (!this.isSaid) return;
    this.isSaid = false;
    this.logger.warn({ msg: 'the job queue is back', errors: this.errors });
    this.errors = 0;
  }
}

/** Refused at every address of a name, an error has a code alone. */
const messageOf = (error: Error): string => error.message || String((error as { code?: unknown }).code);
