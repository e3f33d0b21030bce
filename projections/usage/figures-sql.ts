import { type Instant, instantToText } from '../../src/kernel/time.js';
import type { AsOf } from '../runtime/as-of.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import { usage } from './usage.projection.js';
import type { Dimension, UsageQuestion } from './usage-question.js';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Conditions on a table that is called by an alias. */
interface Moment {
  /** A span of which everything had been counted. */
  whole(alias: string, span: 'hour' | 'day'): string;
  /** A span of which some may have been counted, and some not. */
  partly(alias: string, span: 'hour' | 'day'): string;
  /** A generation that had been charged. */
  charged(alias: string): string;
}

/** A bound of a page, by account, key, model and provider: behind the one and up to the other. */
export interface PageBounds {
  readonly after: readonly string[] | undefined;
  readonly last: readonly string[];
}

const path = (table: string): string => `${SCHEMA}.${tableName(table, usage.version)}`;
export const DAYS = path('usage_of_day');
const HOURS = path('usage_of_hour');
const GENERATIONS = path('generation');

export const COUNTED = [
  'requests',
  'estimated_requests',
  'prompt_tokens',
  'cached_tokens',
  'completion_tokens',
  'reasoning_tokens',
  'cost',
] as const;
/** Whose usage, and of what: the order of a page's rows. */
export const USER = ['account_id', 'key_id', 'model', 'provider'] as const;
export const COLUMN: Readonly<Record<Dimension, string>> = {
  account: 'account_id',
  key: 'key_id',
  model: 'model',
  provider: 'provider',
  day: 'day',
  hour: 'hour',
};

function same(names: readonly string[], a: string, b: string): string {
  return names.map((name) => `${a}.${name} = ${b}.${name}`).join(' AND ');
}

/** Numbers the values of a statement as they are named. */
export class Values {
  readonly list: unknown[] = [];
  of(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}

/**
 * What was used, in as few rows as can say it: whole days from the table of days, the hours at the ends of the range from that of
 * hours. As of a moment, a day or hour that was complete then is taken whole too; of the one that the moment falls into, the hours
 * that were complete, and in the end the generations of one hour that had been charged. A row of a span knows the positions of its
 * first and last charge, so that by position nothing is asked of anybody's clock; by time, an account's clock never runs back.
 */
export function figuresSql(question: UsageQuestion, limit: number, page?: PageBounds): Statement {
  const { from, until, groupBy, asOf } = question;
  const values = new Values();
  const moment = asOf === undefined ? undefined : momentOf(asOf, values);
  const filters = (alias: string): string => [...filtersOf(question, alias, values), ...boundsOf(page, alias, values)].join('');
  const days = groupBy.includes('hour') ? undefined : wholeDays(from, until);
  const inDays = days && `s.day >= ${values.of(days.first)} AND s.day < ${values.of(days.end)}${filters('s')}`;

  const hours = [`SELECT s.* FROM ${HOURS} AS s WHERE ${edges(from, until, days, values)}${filters('s')}`];
  if (inDays && moment) {
    hours.push(
      `SELECT h.* FROM ${DAYS} AS s JOIN ${HOURS} AS h ON ${same(USER, 's', 'h')} AND h.hour >= s.day || 'T00' AND h.hour <= s.day || 'T23'
       WHERE ${inDays} AND ${moment.partly('s', 'day')}`,
    );
  }
  const pieces = [`SELECT ${span('s', 'left(s.hour, 10)', 's.hour')} FROM hours AS s${where(moment?.whole('s', 'hour'))}`];
  if (inDays) {
    const whole = moment ? ` AND ${moment.whole('s', 'day')}` : '';
    pieces.push(`SELECT ${span('s', 's.day', 'NULL')} FROM ${DAYS} AS s WHERE ${inDays}${whole}`);
  }
  if (moment) pieces.push(PARTLY);
  const parts = moment
    ? `, partly AS (SELECT s.* FROM hours AS s WHERE ${moment.partly('s', 'hour')}), charged AS MATERIALIZED (${chargedSql(moment)})`
    : '';
  const groups = groupBy.map((dimension) => COLUMN[dimension]);
  const columns = [...groups, ...COUNTED.map((name) => `SUM(${name}) AS ${name}`)];
  const text = `WITH hours AS (${hours.join(' UNION ALL ')})${parts}, figures AS (${pieces.join(' UNION ALL ')})
    SELECT ${columns.join(', ')} FROM figures${groups.length > 0 ? ` GROUP BY ${groups.join(', ')}` : ''}
    HAVING SUM(requests) > 0${groups.length > 0 ? ` ORDER BY ${groups.map(byBytes).join(', ')}` : ''} LIMIT ${values.of(limit)}`;
  return { text, values: values.list };
}

/** Each account's part of an hour is read once, whatever number of keys and models it has there: hence materialized. */
const chargedSql = (moment: Moment): string => `
  SELECT p.account_id, p.hour, c.* FROM (
    SELECT account_id, hour, MIN(reserved_from) AS reserved_from, (hour || ':00Z')::timestamptz AS begins
    FROM partly GROUP BY account_id, hour) AS p
  CROSS JOIN LATERAL (
    SELECT g.key_id, g.model, g.provider, COUNT(*) AS requests, COUNT(*) FILTER (WHERE g.usage_source = 'estimated') AS estimated_requests,
      ${COUNTED.slice(2)
        .map((name) => `SUM(g.${name}) AS ${name}`)
        .join(', ')}
    FROM ${GENERATIONS} AS g
    WHERE g.account_id = p.account_id AND g.reserved_at >= p.reserved_from AND g.reserved_at < p.begins + interval '1 hour'
      AND g.charged_at >= p.begins AND g.charged_at < p.begins + interval '1 hour' AND ${moment.charged('g')}
    GROUP BY g.key_id, g.model, g.provider) AS c`;

/** Of what was charged in such hours, what belongs to their rows that were complete in part. */
const PARTLY = `
  SELECT ${USER.map((name) => `s.${name}`).join(', ')}, left(s.hour, 10), s.hour, ${COUNTED.map((name) => `c.${name}`).join(', ')}
  FROM charged AS c JOIN partly AS s ON ${same([...USER, 'hour'], 's', 'c')}`;

function momentOf(asOf: AsOf, values: Values): Moment {
  if ('position' in asOf) {
    const position = `${values.of(asOf.position.toString())}::bigint`;
    return {
      whole: (alias) => `${alias}.last_position <= ${position}`,
      partly: (alias) => `${alias}.first_position <= ${position} AND ${alias}.last_position > ${position}`,
      charged: (alias) => `${alias}.charged_position <= ${position}`,
    };
  }
  // Decided at that millisecond is decided until then.
  const end = instantToText(asOf.at + 1);
  const span = { hour: hourOf(end), day: dayOf(end) };
  return {
    whole: (alias, of) => `${alias}.${of} < ${values.of(span[of])}`,
    partly: (alias, of) => `${alias}.${of} = ${values.of(span[of])}`,
    charged: (alias) => `${alias}.charged_at < ${values.of(end)}::timestamptz`,
  };
}

/** The days that lie in the range as a whole; undefined where there is none. */
function wholeDays(from: string, until: string): { first: string; end: string } | undefined {
  const first = from.endsWith('T00') ? dayOf(from) : dayAfter(dayOf(from));
  const end = dayOf(until);
  return first < end ? { first, end } : undefined;
}

/** The hours of the range outside of its whole days. */
function edges(from: string, until: string, days: { first: string; end: string } | undefined, values: Values): string {
  const between = (first: string, end: string) => `(s.hour >= ${values.of(first)} AND s.hour < ${values.of(end)})`;
  if (!days) return between(from, until);
  return `(${between(from, `${days.first}T00`)} OR ${between(`${days.end}T00`, until)})`;
}

function filtersOf({ accountId, keyId, model, provider }: UsageQuestion, alias: string, values: Values): string[] {
  const asked = { account_id: accountId, key_id: keyId, model, provider };
  return Object.entries(asked).flatMap(([name, value]) =>
    value === undefined ? [] : [` AND ${alias}.${name} = ${values.of(value)}`],
  );
}

function boundsOf(page: PageBounds | undefined, alias: string, values: Values): string[] {
  if (!page) return [];
  const bound = (sign: string, key: readonly string[]) =>
    ` AND ${userKey(alias)} ${sign} (${key.map((part) => `${values.of(part)}::text`).join(', ')})`;
  return [...(page.after ? [bound('>', page.after)] : []), bound('<=', page.last)];
}

/** By their bytes, whatever the language of the database: the same order everywhere. */
export const byBytes = (column: string): string => `${column} COLLATE "C"`;
export const userKey = (alias: string): string => `(${USER.map((name) => byBytes(`${alias}.${name}`)).join(', ')})`;

const span = (alias: string, day: string, hour: string): string =>
  [
    ...USER.map((name) => `${alias}.${name}`),
    `${day} AS day`,
    `${hour} AS hour`,
    ...COUNTED.map((name) => `${alias}.${name}`),
  ].join(', ');
const where = (condition: string | undefined): string => (condition === undefined ? '' : ` WHERE ${condition}`);

const hourOf = (time: string): string => time.slice(0, 'yyyy-mm-ddThh'.length);
const dayOf = (time: string): string => time.slice(0, 'yyyy-mm-dd'.length);
const DAY_MS = 86_400_000;
const dayAfter = (day: string): string => dayOf(instantToText((Date.parse(day) as Instant) + DAY_MS));
