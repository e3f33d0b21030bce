/**
 * What PostgreSQL can hold in the columns of read models. A value that it refuses would fail the whole batch, so a row is asked
 * when it is put, while it is known which event has made it.
 */
const KEY_CHARACTERS_MAX = 256;
const JSON_DEPTH_MAX = 32;
/** Far above any amount, far below what `numeric` holds. */
const NUMERIC_MAX = 10n ** 1_000n;
const BIGINT_MAX = 2n ** 63n;
const YEAR_1 = Date.parse('0001-01-01T00:00:00.000Z');
const YEAR_10000 = Date.parse('+010000-01-01T00:00:00.000Z');
const LONE_SURROGATE = /\p{Surrogate}/u;

/** No U+0000, and no half of a surrogate pair. */
export const isText = (value: unknown): boolean =>
  typeof value === 'string' && !value.includes('\0') && !LONE_SURROGATE.test(value);

const isJson = (value: unknown, depth = 0): boolean => {
  if (depth > JSON_DEPTH_MAX) return false;
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return true;
  if (typeof value !== 'object') return isText(value);
  return Object.entries(value).every(([name, part]) => isText(name) && isJson(part, depth + 1));
};

const isBetween = (value: unknown, max: bigint): boolean => typeof value === 'bigint' && -max < value && value < max;

/** By the column's type, values as they are before the column's transformer. */
const HOLDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: isText,
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => typeof value === 'number' && (value | 0) === value,
  bigint: (value) => isBetween(value, BIGINT_MAX),
  numeric: (value) => isBetween(value, NUMERIC_MAX),
  // A null of JSON would become one of SQL.
  jsonb: (value) => value !== null && isJson(value),
  'timestamp with time zone': (value) => Number.isInteger(value) && YEAR_1 <= (value as number) && (value as number) < YEAR_10000,
};

/** Whether a column of this type can hold a value. Throws where the type is none that `columns.ts` makes. */
export function holderOf(type: string, nullable: boolean): (value: unknown) => boolean {
  const holds = HOLDS[type];
  if (!holds) throw new Error(`it is not known what a column of type ${type} can hold`);
  return nullable ? (value) => value === null || holds(value) : holds;
}

/** An index takes keys of some 2,700 bytes together; ids are much shorter. */
export const fitsIndex = (value: unknown): boolean => typeof value !== 'string' || value.length <= KEY_CHARACTERS_MAX;
