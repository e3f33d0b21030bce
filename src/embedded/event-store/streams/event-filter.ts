/** Filters look at the header of an event alone: prefixes as bytes, regular expressions on the decoded name. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { EventCursor } from '../log/event-block.js';

export type EventFilter = (event: EventCursor) => boolean;

export function filterOf(options: ReadReq.Options.FilterOptions): EventFilter | undefined {
  const byStream = options.getStreamIdentifier();
  const byType = options.getEventType();
  const expression = byStream ?? byType;
  if (!expression) return undefined;
  const prefixes = expression.getPrefixList().map((prefix) => Buffer.from(prefix));
  if (prefixes.length > 0) return byStream ? streamPrefixFilter(prefixes) : typePrefixFilter(prefixes);
  const regex = new RegExp(expression.getRegex());
  return byStream ? (event) => regex.test(event.streamName) : (event) => regex.test(event.type);
}

function streamPrefixFilter(prefixes: readonly Buffer[]): EventFilter {
  return ({ block, streamNameAt, streamNameLength }) =>
    prefixes.some((prefix) => startsWith(block, streamNameAt, streamNameLength, prefix));
}

function typePrefixFilter(prefixes: readonly Buffer[]): EventFilter {
  return ({ block, typeAt, typeLength }) => prefixes.some((prefix) => startsWith(block, typeAt, typeLength, prefix));
}

function startsWith(block: Buffer, at: number, length: number, prefix: Buffer): boolean {
  return prefix.length <= length && prefix.compare(block, at, at + prefix.length) === 0;
}
