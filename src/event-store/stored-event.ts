import type { EventMetadata } from './envelope.js';

/** An event as the store holds it. `position` is the commit position in `$all`. */
export interface StoredEvent<Data = unknown> {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly data: Data;
  readonly metadata: EventMetadata;
}
