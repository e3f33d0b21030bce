/** What a stream's metadata stream, `$$` before its name, says about it. */
import type { ProposedEvent } from './event-block.js';
import { NUMBER_MAX } from './event-tables.js';

const PREFIX = Buffer.from('$$');
const TYPE = Buffer.from('$metadata');

/** The stream that a metadata stream is about; undefined where the name is not one of a metadata stream. */
export const describedStream = (streamName: Buffer): Buffer | undefined =>
  streamName.length > PREFIX.length && streamName.subarray(0, PREFIX.length).equals(PREFIX)
    ? streamName.subarray(PREFIX.length)
    : undefined;

/** The newest metadata says all: without a valid `$maxCount` in it, there is none. */
export function maxCountOf(events: readonly ProposedEvent[]): number | undefined {
  const newest = events.at(-1);
  if (!newest || !TYPE.equals(newest.type)) return undefined;
  try {
    const { $maxCount: maxCount } = JSON.parse(Buffer.from(newest.data).toString()) as { $maxCount?: unknown };
    const isValid = Number.isSafeInteger(maxCount) && (maxCount as number) > 0 && (maxCount as number) < NUMBER_MAX;
    return isValid ? (maxCount as number) : undefined;
  } catch {
    return undefined;
  }
}
