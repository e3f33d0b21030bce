/** What a stream's metadata stream, `$$` before its name, says about it. */
import type { ProposedEvent } from './event-block.js';
import {
  type EventTables,
  isTombstoned,
  NO_HEAD,
  NO_LIMITS,
  NUMBER_MAX,
  type StreamHead,
  type StreamLimits,
  storedHead,
} from './event-tables.js';

const PREFIX = Buffer.from('$$');
export const METADATA_TYPE: Buffer = Buffer.from('$metadata');

/** EventStoreDB's number for "all events, also those to come", which is how it deletes a stream: its largest revision. */
const TRUNCATE_ALL = 2n ** 63n - 1n;
const isLong = integerUpTo(TRUNCATE_ALL);
/** What a .NET TimeSpan holds. */
const isSeconds = integerUpTo(922_337_203_685n);
const SOFT_DELETED_JSON = `{"$tb":${TRUNCATE_ALL}}`;

/** What each system property has to be; `written` is an ExactNumber where the value is a number. */
const KINDS = new Map<string, (value: unknown, written: unknown) => boolean>([
  ['$maxCount', isLong],
  ['$maxAge', isSeconds],
  ['$tb', isLong],
  ['$cacheControl', isSeconds],
  ['$tmp', (value) => typeof value === 'boolean'],
  ['$acl', isAccessList],
]);

const ACCESS_KINDS = ['$r', '$w', '$d', '$mr', '$mw'];

/** The stream that a metadata stream is about; undefined where the name is not one of a metadata stream. */
export const describedStream = (streamName: Buffer): Buffer | undefined =>
  streamName.length > PREFIX.length && streamName.subarray(0, PREFIX.length).equals(PREFIX)
    ? streamName.subarray(PREFIX.length)
    : undefined;

export const metadataStreamOf = (streamName: Buffer): Buffer => Buffer.concat([PREFIX, streamName]);

/** Closed for ever: by a tombstone of its own, or, where it holds the metadata of a stream, by that stream's. */
export function isClosed(tables: EventTables, streamName: Buffer, head: StreamHead): boolean {
  const described = describedStream(streamName);
  return isTombstoned(head) || (described !== undefined && isTombstoned(storedHead(tables, described) ?? NO_HEAD));
}

/** Of a metadata stream itself, only the newest event is ever read. */
export const METADATA_STREAM_LIMITS: StreamLimits = { ...NO_LIMITS, maxCount: 1 };

/**
 * The newest metadata says all. As in EventStoreDB, metadata that are not JSON or have a system property of another kind limit
 * nothing (a JavaScript client's largest revision is one: it becomes 2^63, which is none), and a negative number is as if it were not
 * there.
 */
export function limitsOf({ isJson, data }: ProposedEvent): StreamLimits {
  const metadata = isJson && parseObject(data);
  if (!metadata) return NO_LIMITS;
  const written = JSON.parse(withExactNumbers(textOf(data)));
  const isValid = Object.entries(metadata).every(([name, value]) => KINDS.get(name)?.(value, written[name]) ?? true);
  if (!isValid) return NO_LIMITS;
  const { $maxCount: maxCount = NONE, $maxAge: maxAgeSeconds = NONE, $tb: truncateBefore = NONE } = written as Limits;
  const within = (limit: number): number => Math.min(Math.max(0, limit), NUMBER_MAX - 1);
  return {
    maxCount: within(Number(maxCount.number)),
    maxAgeMs: within(Number(maxAgeSeconds.number) * 1000),
    truncateBefore: BigInt(truncateBefore.number) === TRUNCATE_ALL ? NUMBER_MAX : within(Number(truncateBefore.number)),
  };
}

/** The metadata that make a deleted stream begin anew at a revision; undefined where they are no JSON object. */
export function recreatedFrom(revision: number, data: Uint8Array): Buffer | undefined {
  const metadata = parseObject(data);
  return metadata && Buffer.from(JSON.stringify({ ...metadata, $tb: revision }));
}

export const SOFT_DELETED_METADATA: Buffer = Buffer.from(SOFT_DELETED_JSON);

/** A number of JSON as it is written: larger ones than JavaScript counts exactly are told apart. */
interface ExactNumber {
  readonly number: string;
}

const NONE: ExactNumber = { number: '0' };

type Limits = Readonly<Partial<Record<'$maxCount' | '$maxAge' | '$tb', ExactNumber>>>;

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** To be called with JSON that is valid. */
const withExactNumbers = (json: string): string =>
  json.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `{"number":"${token}"}`));

function integerUpTo(max: bigint): (value: unknown, written: unknown) => boolean {
  return (value, written) => {
    if (typeof value !== 'number') return false;
    const { number } = written as ExactNumber;
    return /^-?\d{1,19}$/.test(number) && BigInt(number) <= max && BigInt(number) >= -max;
  };
}

function isAccessList(value: unknown): boolean {
  const isRole = (role: unknown): boolean => typeof role === 'string';
  const areRoles = (roles: unknown): boolean => isRole(roles) || (Array.isArray(roles) && roles.every(isRole));
  return isObject(value) && Object.entries(value).every(([kind, roles]) => ACCESS_KINDS.includes(kind) && areRoles(roles));
}

const textOf = (data: Uint8Array): string => Buffer.from(data.buffer, data.byteOffset, data.length).toString();

function parseObject(data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(textOf(data));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
