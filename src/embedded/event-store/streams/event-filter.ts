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

/** Nobody else is served while one is compiled, which no clock can end: 400 nested groups take 0.2 s, and 1,300, which fit, 5 s. */
const REGEX_LENGTH_MAX = 4096;
const PREFIXES_MAX = 1000;
/** For one name; far more than an expression takes that was not made to be slow. */
const MATCH_MS_MAX = 100;
/** Characters of expression times characters of name that no linear expression needs a clock for. A clock costs 60 µs. */
const UNTIMED_WORK_MAX = 50_000;

const TOO_SLOW = `The regular expression takes more than ${MATCH_MS_MAX} ms to match a name. Write it without backtracking, or shorter.`;

/** A filter that is not valid, or would cost too much. */
export class FilterRefused extends Error {}

/** @throws FilterRefused */
export function filterOf(options: ReadReq.Options.FilterOptions): EventFilter | undefined {
  const byStream = options.getStreamIdentifier();
  const byType = options.getEventType();
  const expression = byStream ?? byType;
  if (!expression) return undefined;
  const prefixes = expression.getPrefixList().map((prefix) => Buffer.from(prefix));
  if (prefixes.length > PREFIXES_MAX) throw new FilterRefused(`A filter must not have more than ${PREFIXES_MAX} prefixes.`);
  if (prefixes.length > 0) return byStream ? streamPrefixFilter(prefixes) : typePrefixFilter(prefixes);
  const matches = matcherOf(expression.getRegex());
  return byStream ? (event) => matches(event.streamName) : (event) => matches(event.type);
}

function matcherOf(source: string): (name: string) => boolean {
  if (source.length > REGEX_LENGTH_MAX) {
    throw new FilterRefused(`A regular expression must not exceed ${REGEX_LENGTH_MAX} characters.`);
  }
  const regex = refusing(() => new RegExp(source));
  const untimedLengthMax = isLinear(source) ? UNTIMED_WORK_MAX / source.length : -1;
  // The first match compiles it.
  refusing(() => matchInTime(regex, ''));
  return (name) => refusing(() => (name.length <= untimedLengthMax ? regex.test(name) : matchInTime(regex, name)));
}

/** What looks around or refers back is not. */
function isLinear(source: string): boolean {
  try {
    new RegExp(source, 'l');
    return true;
  } catch {
    return false;
  }
}

const MATCH = new Script('regex.test(name)');
const matchScope = createContext({ regex: /(?:)/, name: '' });

function matchInTime(regex: RegExp, name: string): boolean {
  Object.assign(matchScope, { regex, name });
  return MATCH.runInContext(matchScope, { timeout: MATCH_MS_MAX }) as boolean;
}

/** @throws FilterRefused where the expression is not valid, too large, or takes too long */
function refusing<Result>(use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    const isTooSlow = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    throw new FilterRefused(isTooSlow ? TOO_SLOW : String(error));
  }
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
