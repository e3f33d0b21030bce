/** What the requests of all calls hold in memory together, so that many calls cannot do what one may not. */
import { status } from '@grpc/grpc-js';
import type { CallError } from './response-stream.js';

const BYTES_MAX = 256 * 1024 * 1024;

export const OUT_OF_MEMORY: CallError = {
  code: status.RESOURCE_EXHAUSTED,
  details: `Requests that the event store has not answered hold more than ${BYTES_MAX} bytes. Try again.`,
};

export class RequestMemory {
  private bytes = 0;

  /** Half of it is held: whoever can wait for an answer before it takes more is to wait. */
  get isScarce(): boolean {
    return this.bytes > BYTES_MAX / 2;
  }

  /** What one holder has of it. */
  holding(): Holding {
    let held = 0;
    const set = (bytes: number): boolean => {
      const isMore = bytes > held;
      this.bytes += bytes - held;
      held = bytes;
      return !isMore || this.bytes <= BYTES_MAX;
    };
    return { set, release: () => set(0) };
  }
}

export interface Holding {
  /** Answers whether there is room for so many; always for fewer than before. If not, the holder is to fail as OUT_OF_MEMORY. */
  set(bytes: number): boolean;
  release(): void;
}
