import { z } from 'zod';
import { invalid, parse } from '../../src/http/validation.js';
import { type Instant, instantFromText, instantToText } from '../../src/kernel/time.js';
import { type AsOf, asOfOf } from '../runtime/as-of.js';
import { minPositionOf } from '../runtime/min-position.js';
import { isText } from '../runtime/storable.js';

export const DIMENSIONS = ['account', 'key', 'model', 'provider', 'day', 'hour'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What was used in which hours, by whom and of what. */
export interface UsageQuestion {
  /** Hours of UTC, `yyyy-mm-ddThh`; the last one is not included. */
  readonly from: string;
  readonly until: string;
  /** The answer has a row for each combination of these, in this order; one row where there are none. */
  readonly groupBy: readonly Dimension[];
  /** Absent: of all accounts. */
  readonly accountId?: string | undefined;
  readonly keyId?: string | undefined;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly asOf?: AsOf | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const FILTER_MAX = 256;
const EARLIEST = Date.UTC(1970, 0, 1);
const LATEST = Date.UTC(9999, 11, 31);

/** A name that a column can hold. */
export const nameFilter = z.string().min(1).max(FILTER_MAX).refine(isText, 'has characters that no name has');
const parameters = z.strictObject({
  from: z.string().optional(),
  until: z.string().optional(),
  account_id: nameFilter.optional(),
  key: nameFilter.optional(),
  model: nameFilter.optional(),
  provider: nameFilter.optional(),
  group_by: z.string().optional(),
  as_of: z.string().optional(),
  min_position: z.string().optional(),
});
type Parameter = keyof z.output<typeof parameters>;

/**
 * Reads the parameters of a question about usage. Throws the 400 that names the one that is wrong.
 * @param dimensions those that may be asked for
 * @param refused parameters that this endpoint does not have
 */
export function usageQuestionOf(
  query: unknown,
  now: Instant,
  dimensions: readonly Dimension[] = DIMENSIONS,
  refused: readonly Parameter[] = [],
): { question: UsageQuestion; minPosition: bigint } {
  const asked = parse(parameters, query);
  for (const name of refused) if (asked[name] !== undefined) throw invalid(name, 'is not a field of this request');
  const until = asked.until === undefined ? (Math.floor(now / HOUR_MS) + 1) * HOUR_MS : hourOf('until', asked.until);
  const startOfDay = Math.floor((until - 1) / DAY_MS) * DAY_MS;
  const from = asked.from === undefined ? startOfDay - (DEFAULT_DAYS - 1) * DAY_MS : hourOf('from', asked.from);
  if (from >= until) throw invalid(asked.until === undefined ? 'from' : 'until', 'the range ends before it begins');
  return {
    minPosition: minPositionOf(asked.min_position),
    question: {
      from: hourText(from),
      until: hourText(until),
      groupBy: dimensionsOf(asked.group_by, dimensions),
      accountId: asked.account_id,
      keyId: asked.key,
      model: asked.model,
      provider: asked.provider,
      asOf: asOfOf(asked.as_of),
    },
  };
}

const day = z.iso.date();
const time = z.iso.datetime({ offset: true });

/** A day begins at 00:00 UTC. Throws the 400 that names the parameter. */
export function timeOf(name: string, text: string): Instant {
  const isDay = day.safeParse(text).success;
  const at = isDay || time.safeParse(text).success ? instantFromText(text) : Number.NaN;
  if (!(at >= EARLIEST && at <= LATEST)) throw invalid(name, 'must be a day, yyyy-mm-dd, or an ISO 8601 time with a zone');
  return at;
}

function hourOf(name: string, text: string): Instant {
  const at = timeOf(name, text);
  if (at % HOUR_MS !== 0) throw invalid(name, 'must be on the hour');
  return at;
}

function dimensionsOf(text: string | undefined, allowed: readonly Dimension[]): readonly Dimension[] {
  if (text === undefined || text === '') return [];
  const names = text.split(',');
  const isKnown = (name: string): name is Dimension => (allowed as readonly string[]).includes(name);
  if (!names.every(isKnown)) throw invalid('group_by', `must be a list of ${allowed.join(', ')}, separated by commas`);
  if (new Set(names).size !== names.length) throw invalid('group_by', 'names something twice');
  return names;
}

const hourText = (at: Instant): string => instantToText(at).slice(0, 'yyyy-mm-ddThh'.length);
/** The start of an hour, as ISO 8601. */
export const hourToText = (hour: string): string => `${hour}:00:00.000Z`;
