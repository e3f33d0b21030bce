import { Injectable } from '@nestjs/common';
import type { Report, ReportColumn, ReportPage, ReportRow, ReportScope } from '../../src/kernel/report.js';
import { type Instant, instantToText } from '../../src/kernel/time.js';
import { Freshness } from '../runtime/freshness.js';
import { byBytes, DAYS, figuresSql, USER, userKey, Values } from './figures-sql.js';
import { usage } from './usage.projection.js';
import { figuresOf, type UsageFigures } from './usage-figures.query.js';
import type { Dimension } from './usage-question.js';
import { UsageRowsReader } from './usage-rows.js';

const PAGE_ROWS = 1_000;
const FRESH_TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;
const GROUPS: readonly Dimension[] = ['account', 'key', 'model', 'provider'];

const text = (name: string): ReportColumn => ({ name, type: 'text' });
const count = (name: string): ReportColumn => ({ name, type: 'count' });

/** Account, key, model, provider: by which the rows of a day are ordered, byte by byte. */
type UserKey = readonly string[];

/** What was used on a day of UTC, by account, key, model and provider: what the hours and days say, without what came after the scope's end. */
@Injectable()
export class DailyUsage implements Report {
  readonly name = 'daily-usage';
  readonly title = 'Usage by day, account, key, model and provider';
  readonly covers = 'day';
  readonly byAccount = true;
  readonly streamPrefixes = usage.streamPrefixes;
  readonly columns: readonly ReportColumn[] = [
    { name: 'day', type: 'day' },
    text('account_id'),
    text('key'),
    text('model'),
    text('provider'),
    count('requests'),
    count('estimated_requests'),
    count('prompt_tokens'),
    count('cached_tokens'),
    count('completion_tokens'),
    count('reasoning_tokens'),
    { name: 'cost', type: 'credits', total: 'debits' },
  ];

  constructor(
    private readonly rows: UsageRowsReader,
    private readonly freshness: Freshness,
  ) {}

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.freshness.waitFor(usage, position, timeoutMs);
  }

  async *pages(scope: ReportScope, after: string | undefined): AsyncGenerator<ReportPage> {
    const [resumed, ...key] = after === undefined ? [] : (JSON.parse(after) as string[]);
    let behind: UserKey | undefined = key.length > 0 ? key : undefined;
    for (let at = resumed === undefined ? scope.from : Date.parse(resumed); at < scope.until; at += DAY_MS, behind = undefined) {
      const day = dayText(at);
      for (;;) {
        const found = await this.page(day, scope, behind);
        const last = found.at(-1);
        if (!last) break;
        behind = GROUPS.map((dimension) => last.group[dimension] as string);
        yield { rows: found.map((figures) => rowOf(day, figures)), cursor: JSON.stringify([day, ...behind]) };
      }
    }
  }

  /** Which keys a page has is asked first, so that only their figures are added up. */
  private page(day: string, { upTo, accountId }: ReportScope, after: UserKey | undefined): Promise<readonly UsageFigures[]> {
    return this.rows.readFresh(
      accountId,
      upTo,
      async (manager) => {
        const values = new Values();
        const keys: Record<string, string>[] = await manager.query(
          `SELECT ${USER.join(', ')} FROM ${DAYS} AS s
           WHERE s.day = ${values.of(day)} AND s.first_position <= ${values.of(upTo.toString())}
             ${accountId === undefined ? '' : `AND s.account_id = ${values.of(accountId)}`}
             ${after ? `AND ${userKey('s')} > (${after.map((part) => `${values.of(part)}::text`).join(', ')})` : ''}
           ORDER BY ${USER.map(byBytes).join(', ')} LIMIT ${values.of(PAGE_ROWS)}`,
          values.list,
        );
        const last = keys.at(-1);
        if (!last) return [];
        const range = { from: `${day}T00`, until: `${dayText(Date.parse(day) + DAY_MS)}T00` };
        const question = { ...range, groupBy: GROUPS, accountId, asOf: { position: upTo } };
        const page = { after, last: USER.map((name) => last[name] as string) };
        const { text: statement, values: asked } = figuresSql(question, PAGE_ROWS, page);
        const found: Record<string, string>[] = await manager.query(statement, [...asked]);
        return found.map((row) => figuresOf(row, GROUPS));
      },
      FRESH_TIMEOUT_MS,
    );
  }
}

const dayText = (at: Instant): string => instantToText(at).slice(0, 'yyyy-mm-dd'.length);

const rowOf = (day: string, { group, ...counted }: UsageFigures): ReportRow => [
  day,
  ...GROUPS.map((dimension) => group[dimension] as string),
  counted.requests,
  counted.estimatedRequests,
  counted.promptTokens,
  counted.cachedTokens,
  counted.completionTokens,
  counted.reasoningTokens,
  counted.cost,
];
