/** The expectation of an append or a deletion, as the generated classes carry it. */
import type { ExpectedRevision } from '../log/decide-append.js';

interface Expectation {
  hasRevision(): boolean;
  getRevision(): string;
  hasAny(): boolean;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
}

/** EventStoreDB takes nothing without one either: what forgets to say it must not lose its lock in silence. */
export const NO_EXPECTATION = 'An expected revision is required.';

export function expectedRevisionOf(options: Expectation): ExpectedRevision | undefined {
  if (options.hasRevision()) return Number(options.getRevision());
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasStreamExists()) return 'stream_exists';
  return options.hasAny() ? 'any' : undefined;
}
