/** What is asked of an account with a million events: its statement of a month, and what it had at some time. */

import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { PastBalances } from '../../projections/balances/past-balances.js';
import { journalDefinition } from '../../projections/journal/journal.entity.js';
import { MonthlyStatementReport } from '../../projections/journal/monthly-statement.report.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { Projections } from '../../projections/runtime/projections.js';
import type { AnyProjectionDefinition } from '../../projections/runtime/stored-projection.js';
import type { ReportScope } from '../../src/kernel/report.js';
import { type Figure, type Options, quantile, type SectionResult } from '../figures.js';
import { SPAN_MS, writeLongAccount } from './ledger-of-a-million.js';
import { type Stores, withStores } from './stores.js';

const ACCOUNT = 'million';
const FOLD_TIMEOUT_MS = 900_000;
const STATEMENT_SECONDS_TARGET = 60;
const GROWTH_MB_TARGET = 50;
const AS_OF_MS_TARGET = 1_000;

interface Prepared extends Stores {
  readonly dataSource: Awaited<ReturnType<typeof openDatabase>>;
  readonly freshness: Freshness;
  readonly events: number;
  readonly from: number;
  readonly end: bigint;
}

/** The account, and one projection that has folded it as a live one does. */
async function withLongAccount<T>(
  { quick, workFolder }: Options,
  definition: AnyProjectionDefinition,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  return withStores(workFolder, async (stores) => {
    const today = new Date();
    const from = Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 1);
    const events = quick ? 20_000 : 1_000_000;
    const end = await writeLongAccount(stores.store, { account: ACCOUNT, events, from });
    const dataSource = await openDatabase(stores.databaseUrl, [definition]);
    const freshness = new Freshness(dataSource);
    const log = { log() {}, warn: console.warn, error: console.error };
    const projections = new Projections([definition], dataSource, stores.store, freshness, log);
    try {
      projections.start();
      if (!(await freshness.waitFor(definition.projection, end, FOLD_TIMEOUT_MS)))
        throw new Error(`${definition.projection.name} did not reach position ${end}`);
      return await use({ ...stores, dataSource, freshness, events, from, end });
    } finally {
      await projections.stop();
      await dataSource.destroy();
    }
  });
}

export const statement = (options: Options): Promise<SectionResult> =>
  withLongAccount(options, journalDefinition, async ({ dataSource, freshness, events, from, end }) => {
    const date = new Date(from);
    const until = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    const scope: ReportScope = { from, until, upTo: end, accountId: ACCOUNT };
    const megabytes: number[] = [];
    let rows = 0;
    const startedAt = performance.now();
    for await (const page of new MonthlyStatementReport(dataSource, freshness).pages(scope, undefined)) {
      rows += page.rows.length;
      megabytes.push(process.memoryUsage().rss / 2 ** 20);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const half = megabytes.length >> 1;
    const growth = quantile(megabytes.slice(half), 0.5) - quantile(megabytes.slice(0, half), 0.5);
    const figures: Figure[] = [
      {
        figure: `monthly statement over ${events} events`,
        value: seconds,
        unit: 's',
        digits: 1,
        note: `${rows} rows`,
        target: { below: STATEMENT_SECONDS_TARGET },
      },
      {
        figure: 'memory of its second half above that of the first',
        value: growth,
        unit: 'MB',
        note: `RSS at most ${quantile(megabytes, 1).toFixed(0)} MB`,
        target: { below: GROWTH_MB_TARGET },
      },
    ];
    return { figures, rounds: { seconds, rows, megabytes }, errors: rows === 0 ? ['the statement is empty'] : [] };
  });

const ASKED = 40;

export const asOf = (options: Options): Promise<SectionResult> =>
  withLongAccount(options, balancesDefinition, async ({ dataSource, store, events, from }) => {
    const past = new PastBalances(dataSource, store, { now: () => Date.now() });
    const took: number[] = [];
    const errors: string[] = [];
    for (let turn = 1; turn <= ASKED; turn++) {
      const startedAt = performance.now();
      const found = await past.read(ACCOUNT, { at: from + Math.floor((turn / ASKED) * SPAN_MS) });
      took.push(performance.now() - startedAt);
      if (found === undefined) errors.push(`the account was not found at ${turn}/${ASKED} of its time`);
    }
    const figures: Figure[] = [
      { figure: `as_of on an account of ${events} events: p50`, value: quantile(took, 0.5), unit: 'ms' },
      { figure: '… the slowest', value: quantile(took, 1), unit: 'ms', target: { below: AS_OF_MS_TARGET } },
    ];
    return { figures, rounds: { took }, errors };
  });
