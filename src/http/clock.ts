import { Injectable } from '@nestjs/common';
import type { Clock, Instant } from '../kernel/time.js';

/** The clock that is injected wherever the time is needed; a test binds its own. */
@Injectable()
export abstract class GatewayClock implements Clock {
  abstract now(): Instant;
}

@Injectable()
export class SystemClock extends GatewayClock {
  now(): Instant {
    return Date.now();
  }
}
