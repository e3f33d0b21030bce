import { Injectable } from '@nestjs/common';
import { EventStore } from '../../src/event-store/event-store.js';
import { GatewayClock } from '../../src/http/clock.js';
import type { Instant } from '../../src/kernel/time.js';
import { type AsOf, mustBePast } from '../runtime/as-of.js';
import { usage } from './usage.projection.js';

/** How fresh an answer has to be. */
@Injectable()
export class UsageMoments {
  constructor(
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {}

  now(): Instant {
    return this.clock.now();
  }

  /**
   * The position that the rows must have reached: what is asked for, or all that there is now where somebody wants to know how it
   * was. An event that another process decides in this very millisecond may still come: a past that is younger than the clocks of
   * the processes are apart is not settled. By position there is no such doubt. Throws the 400 that names `as_of` where it lies ahead.
   */
  async positionFor(asked: bigint, asOf: AsOf | undefined): Promise<bigint> {
    const head = await this.store.headPosition(usage.streamPrefixes);
    if (asOf) mustBePast(asOf, this.clock.now(), head);
    return asked > head ? asked : head;
  }
}
