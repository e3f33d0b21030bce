/** Filters look at the header of an event alone: prefixes as bytes, regular expressions on the decoded name. */
import { setFlagsFromString } from 'node:v8';
import { createContext, Script } from 'node:vm';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { EventCursor } from '../log/event-block.js';

export type EventFilter = (event: EventCursor) => boolean;

// Backtracking can take for ever, and nothing else would run meanwhile. V8 has an engine that does not; with these, it goes over to
// that one after 50,000 steps back, and knows the flag "l", by which an expression says that it needs no other.
setFlagsFromString('--enable-experimental-regexp-engine');
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** For one name; far more than an expression takes that was not made to be slow. */
const MATCH_MS_MAX = 100;

/** A regular expression that takes too long. */
export class FilterTooSlow extends Error {}

export function filterOf(options: ReadReq.Options.FilterOptions): EventFilter | undefined {
  const byStream = options.getStreamIdentifier();
  const byType = options.getEventType();
  const expression = byStream ?? byType;
  if (!expression) return undefined;
  const prefixes = expression.getPrefixList().map((prefix) => Buffer.from(prefix));
  if (prefixes.length > 0) return byStream ? streamPrefixFilter(prefixes) : typePrefixFilter(prefixes);
  const matches = matcherOf(expression.getRegex());
  return byStream ? (event) => matches(event.streamName) : (event) => matches(event.type);
}

/** @throws SyntaxError */
function matcherOf(source: string): (name: string) => boolean {
  const regex = new RegExp(source);
  return isLinear(source) ? (name) => regex.test(name) : timed(regex);
}

function isLinear(source: string): boolean {
  try {
    new RegExp(source, 'l');
    return true;
  } catch {
    return false;
  }
}

/** What looks around or refers back can only be tried, under a clock; that costs 70 µs a name. */
function timed(regex: RegExp): (name: string) => boolean {
  const script = new Script('regex.test(name)');
  const context = createContext({ regex, name: '' });
  return (name) => {
    context.name = name;
    try {
      return script.runInContext(context, { timeout: MATCH_MS_MAX }) as boolean;
    } catch {
      throw new FilterTooSlow(
        `The regular expression takes more than ${MATCH_MS_MAX} ms to match a name. Write it without backtracking.`,
      );
    }
  };
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
