/** Usage in a real PostgreSQL: any range, group and filter, as of any position and any moment, is what a fold of the past says. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { createCheckpoint, START } from '../../projections/runtime/checkpoint.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { StoredProjection } from '../../projections/runtime/stored-projection.js';
import { DailyUsage } from '../../projections/usage/daily-usage.report.js';
import { COUNTED, figuresSql } from '../../projections/usage/figures-sql.js';
import { GetGenerations, GetGenerationsHandler } from '../../projections/usage/generations.query.js';
import { usageDefinition } from '../../projections/usage/usage.entity.js';
import { usage } from '../../projections/usage/usage.projection.js';
import type { UsageQuestion } from '../../projections/usage/usage-question.js';
import { UsageRowsReader } from '../../projections/usage/usage-rows.js';
import type { UsageTables } from '../../projections/usage/usage-tables.projection.js';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import type { ReportRow, ReportScope } from '../../src/kernel/report.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { Tables } from '../support/projection-tables.js';
import { ACCOUNTS, addedUp, usageHistories, usageQuestions } from '../support/usage-histories.js';

const COLUMN = { account: 'account_id', key: 'key_id', model: 'model', provider: 'provider', day: 'day', hour: 'hour' } as const;
const ROWS_MAX = 10_000;

let database: DataSource;
let stored: StoredProjection;
let rows: UsageRowsReader;
let freshness: Freshness;

beforeAll(async () => {
  database = await openDatabase(await createDatabase(), [usageDefinition]);
  beforeStop(() => database.destroy());
  stored = new StoredProjection(database, usageDefinition);
  freshness = new Freshness(database);
  rows = new UsageRowsReader(database, freshness);
});

/** Puts a history in the place of what was there, in batches of some size. */
async function hold(facts: readonly Fact[], batchSize: number): Promise<void> {
  const session = database.createQueryRunner();
  await database.query(
    'TRUNCATE projections.checkpoint, projections.generation_v2, projections.usage_of_hour_v2, projections.usage_of_day_v2',
  );
  await createCheckpoint(session, usage);
  let from = START;
  for (let at = 0; at < facts.length; at += batchSize) {
    const batch = facts.slice(at, at + batchSize).map((fact) => ({ ...fact, id: '', metadata: { ...fact.metadata, hash: '' } }));
    const to = { position: batch.at(-1)?.position as bigint, lastEvent: undefined };
    expect(await stored.commit(session, batch as unknown as StoredEvent[], from, to, new Set())).toEqual([]);
    from = to;
  }
  await session.release();
}

async function figures(question: UsageQuestion): Promise<string[][]> {
  const { text, values } = figuresSql(question, ROWS_MAX);
  const found: Record<string, string>[] = await database.query(text, [...values]);
  return found.map((row) =>
    [...question.groupBy.map((dimension) => COLUMN[dimension]), ...COUNTED].map((name) => String(row[name])),
  );
}

const until = (facts: readonly Fact[], at: number): Fact[] =>
  facts.filter(({ metadata }) => Date.parse(metadata.occurredAt) <= at);

/** Some of the places in a history. */
const places = (facts: readonly Fact[]) => fc.uniqueArray(fc.nat(facts.length - 1), { minLength: 4, maxLength: 8 });
const histories = usageHistories.chain((facts) =>
  fc.record({
    facts: fc.constant(facts),
    batchSize: fc.integer({ min: 1, max: 50 }),
    places: places(facts),
    questions: fc.array(usageQuestions(facts), { minLength: 3, maxLength: 6 }),
  }),
);

describe('for random histories and questions', () => {
  test('usage now, as of positions and as of moments is what was charged until then', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ facts, batchSize, places, questions }) => {
        await hold(facts, batchSize);
        for (const question of questions) {
          expect(await figures(question)).toEqual(addedUp(facts, question));
          for (const index of places) {
            const fact = facts[index] as Fact;
            const before = facts.slice(0, index + 1);
            expect(await figures({ ...question, asOf: { position: fact.position } })).toEqual(addedUp(before, question));
            const at = Date.parse(fact.metadata.occurredAt);
            for (const moment of [at - 1, at])
              expect(await figures({ ...question, asOf: { at: moment } })).toEqual(addedUp(until(facts, moment), question));
          }
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
  }, 120_000);

  test('the generations of an account, page by page, are those that there were, as they were', async () => {
    const handler = new GetGenerationsHandler(rows);
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 5 }), async ({ facts, batchSize, places }, limit) => {
        await hold(facts, batchSize);
        for (const index of places) {
          for (const accountId of ACCOUNTS) {
            const position = (facts[index] as Fact).position;
            const then = new Tables<UsageTables>(usage).fold(facts.slice(0, index + 1)).of('generations', accountId);
            for (const model of [undefined, 'acme/m']) {
              const expected = then.filter((row) => model === undefined || row.model === model).reverse();
              const listed: unknown[] = [];
              for (let before: { at: number; position: bigint } | undefined; ; ) {
                const nothing = { from: undefined, until: undefined, keyId: undefined };
                const page = await handler.execute(
                  new GetGenerations({ accountId, ...nothing, model, before, limit, asOf: { position } }, -1n),
                );
                listed.push(...page);
                const last = page.at(-1);
                if (!last || page.length < limit) break;
                before = { at: last.reservedAt, position: last.reservedPosition };
              }
              expect(listed).toEqual(expected);
            }
          }
        }
      }),
      { numRuns: 6, endOnFailure: true },
    );
  }, 120_000);

  test('the daily report has what was charged on its day up to its end, and goes on where it was left', async () => {
    const report = new DailyUsage(rows, freshness);
    const all = async (scope: ReportScope, after?: string) => {
      const found: ReportRow[] = [];
      const cursors: string[] = [];
      for await (const page of report.pages(scope, after)) {
        found.push(...page.rows);
        cursors.push(page.cursor);
      }
      return { found, cursors };
    };
    await fc.assert(
      fc.asyncProperty(histories, async ({ facts, batchSize, places }) => {
        await hold(facts, batchSize);
        for (const index of places) {
          const { position, metadata } = facts[index] as Fact;
          const day = metadata.occurredAt.slice(0, 10);
          const from = Date.parse(day);
          const range = { from: `${day}T00`, until: new Date(from + 86_400_000).toISOString().slice(0, 13) };
          for (const accountId of [undefined, ...ACCOUNTS]) {
            const scope = { from, until: from + 86_400_000, upTo: position, accountId };
            const groupBy = ['account', 'key', 'model', 'provider'] as const;
            const { found, cursors } = await all(scope);
            expect(found.map((row) => row.map(String))).toEqual(
              addedUp(facts.slice(0, index + 1), { ...range, groupBy, accountId }).map((row) => [day, ...row]),
            );
            for (const cursor of cursors) expect((await all(scope, cursor)).found).toEqual([]);
          }
        }
      }),
      { numRuns: 6, endOnFailure: true },
    );
  }, 120_000);
});
