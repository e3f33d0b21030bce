import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BalanceTables } from '../../projections/balances/balance-tables.projection.js';
import { balances } from '../../projections/balances/balances.projection.js';
import { CHART, LOT_CLASSES } from '../../projections/journal/chart.projection.js';
import { journal } from '../../projections/journal/journal.projection.js';
import type { JournalTables, Sums } from '../../projections/journal/journal-tables.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { monthAfter, monthBefore, type PeriodEvent } from '../../src/periods/domain/periods.events.js';
import { ACCOUNTS, histories, historiesOf } from '../support/account-histories.js';
import { closings, linesOf, monthOf, netOf, withClosings } from '../support/journal-facts.js';
import { Tables } from '../support/projection-tables.js';

const HOURS_OF_A_MONTH = 24 * 31;
const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);
const entriesOf = (tables: Tables<JournalTables>) => [...tables.rows.entries.values()];
const net = (figures: ReadonlyMap<string, bigint>, names: readonly string[]): bigint =>
  sum(names.map((name) => figures.get(name) ?? 0n));
const ofClasses = (name: string): string[] => LOT_CLASSES.map((lotClass) => `${name}:${lotClass}`);

/** Where an account's credits are, as the balances say it: liabilities, so below zero. */
function creditsOf(tables: Tables<BalanceTables>, accountId: string): [string, bigint][] {
  return LOT_CLASSES.flatMap((lotClass): [string, bigint][] => {
    const lots = tables.of('lots', accountId).filter(({ kind }) => kind === lotClass);
    return [
      [`available:${lotClass}`, -sum(lots.map(({ remaining, held, frozen }) => remaining - held - frozen))],
      [`held:${lotClass}`, -sum(lots.map(({ held }) => held))],
      [`frozen:${lotClass}`, -sum(lots.map(({ frozen }) => frozen))],
    ];
  });
}

/** What an account has paid to make up for shortfalls, and what was granted to it anew, as its events say. */
function figuresOf(facts: readonly Fact[], accountId: string) {
  const of = (type: string, field: string) =>
    sum(
      facts
        .filter((fact) => fact.type === type && fact.stream === `account-${accountId}`)
        .map(({ data }) => BigInt((data as Record<string, string>)[field] as string)),
    );
  return { repaid: of('ShortfallRepaid', 'amount'), waived: of('GenerationRefunded', 'waived') };
}

describe('the journal, for every history that the write side can produce', () => {
  test('every event posts a set that sums to zero, and the ledger is what the balances are, after every event', () => {
    fc.assert(
      fc.property(histories, (world) => {
        const ledger = new Tables(journal);
        const balanced = new Tables(balances);
        world.facts.forEach((fact, index) => {
          ledger.fold([fact]);
          balanced.fold([fact]);
          const accountId = fact.stream.slice('account-'.length);
          const entry = ledger.rows.entries.get(`${index}`);
          if (!entry) throw new Error('no entry');
          expect(sum(linesOf(entry).map(([, amount]) => amount))).toBe(0n);
          const figures = netOf(ledger.of('entries', accountId));
          for (const [name, amount] of creditsOf(balanced, accountId))
            expect([name, figures.get(name) ?? 0n]).toEqual([name, amount]);
          expect(figures.get('receivable') ?? 0n).toBe(balanced.of('accounts', accountId)[0]?.receivable);
        });
      }),
      { numRuns: 40 },
    );
  });

  test('what was used, given back, expired, clawed back and paid back is what the write side and the balances say', () => {
    fc.assert(
      fc.property(histories, (world) => {
        const ledger = new Tables(journal).fold(world.facts);
        const balanced = new Tables(balances).fold(world.facts);
        for (const [accountId, state] of world.accounts) {
          const figures = netOf(ledger.of('entries', accountId));
          const [account] = balanced.of('accounts', accountId);
          if (!account) throw new Error('no account');
          const { repaid, waived } = figuresOf(world.facts, accountId);
          const owned = -net(figures, [...ofClasses('available'), ...ofClasses('held'), ...ofClasses('frozen')]);
          expect(owned).toBe(sum([...state.lots.values()].map(({ remaining }) => remaining)));
          expect(sum(ledger.of('sums', accountId).map((row) => row.owned))).toBe(owned);
          expect(figures.get('receivable') ?? 0n).toBe(state.receivable);
          expect(-net(figures, ofClasses('usage')) + repaid - net(figures, ofClasses('refunds'))).toBe(account.totalSpent);
          expect(figures.get('refunds:waived') ?? 0n).toBe(waived);
          expect(-net(figures, ofClasses('breakage'))).toBe(account.totalExpired);
          expect(-net(figures, ofClasses('cash_refunds'))).toBe(account.totalCashRefunded);
          expect(-net(figures, ofClasses('claw_backs'))).toBe(account.totalClawedBack);
          expect(net(figures, ofClasses('adjustments'))).toBe(account.totalAdjusted);
          expect(net(figures, ['payments', 'promotional_expense', 'goodwill_expense'])).toBe(
            account.totalEarned - account.totalAdjusted,
          );
        }
      }),
      { numRuns: 200 },
    );
  });

  test('an entry is posted in its month, or in the earliest that is open, and the sums hold what came in time', () => {
    fc.assert(
      fc.property(historiesOf(HOURS_OF_A_MONTH), closings, (world, asked) => {
        const facts = withClosings(world.facts, asked);
        const tables = new Tables(journal).fold(facts);
        let closedThrough: string | undefined;
        const first: string[] = [];
        for (const fact of facts) {
          if (fact.stream.startsWith('period-')) {
            const { type, data } = fact as unknown as PeriodEvent;
            if (type === 'PeriodClosed') first.push(data.period);
            else first.pop();
            closedThrough = first.at(-1);
            continue;
          }
          const entry = tables.rows.entries.get(`${fact.position}`);
          const month = monthOf(fact);
          const isLate = closedThrough !== undefined && month <= closedThrough;
          expect(entry?.isLate).toBe(isLate);
          expect(entry?.period).toBe(isLate ? monthAfter(closedThrough as string) : month);
          if (isLate && fact.type !== 'LateSettlementRecorded') expect(entry?.originalPeriod).toBe(month);
        }
        for (const { month, sums } of tables.rows.totals.values()) {
          const inTime = entriesOf(tables).filter((entry) => entry.period === month && !entry.isLate);
          expect(netOfSums([sums])).toEqual(netOf(inTime));
          const ofAccounts = ACCOUNTS.flatMap((accountId) => tables.of('sums', accountId)).filter((row) => row.month === month);
          expect(netOfSums(ofAccounts.map((row) => row.sums))).toEqual(netOf(inTime));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('a late charge names the month that its reservation was made in', () => {
    let seen = 0;
    for (const world of fc.sample(historiesOf(HOURS_OF_A_MONTH), { seed: 20260301, numRuns: 300 })) {
      const tables = new Tables(journal).fold(world.facts);
      const madeIn = new Map<string, string>();
      for (const fact of world.facts) {
        const { reservationId } = fact.data as { reservationId: string };
        if (fact.type === 'CreditsReserved') madeIn.set(`${fact.stream} ${reservationId}`, monthOf(fact));
        if (fact.type !== 'LateSettlementRecorded') continue;
        const reserved = madeIn.get(`${fact.stream} ${reservationId}`);
        const entry = tables.rows.entries.get(`${fact.position}`);
        expect(entry?.originalPeriod).toBe(reserved === monthOf(fact) ? null : reserved);
        if (entry?.originalPeriod) seen += 1;
      }
    }
    expect(seen).toBeGreaterThan(0);
  });

  test('how the events are cut into batches does not matter, nor does a rebuild', () => {
    fc.assert(
      fc.property(
        historiesOf(HOURS_OF_A_MONTH),
        closings,
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (world, asked, sizes) => {
          const facts = withClosings(world.facts, asked);
          const cut = new Tables(journal);
          for (let from = 0, n = 0; from < facts.length; n++) {
            const size = sizes[n % sizes.length] as number;
            cut.fold(facts.slice(from, from + size));
            from += size;
          }
          expect(cut.sorted()).toEqual(new Tables(journal).fold(facts).sorted());
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the chart has every ledger account that is posted to', () => {
    const names = new Set<string>(CHART.map(({ ledgerAccount }) => ledgerAccount));
    const worlds = fc.sample(histories, { seed: 20260301, numRuns: 200 });
    const posted = new Set(
      worlds.flatMap(({ facts }) => entriesOf(new Tables(journal).fold(facts)).flatMap((e) => linesOf(e).map(([name]) => name))),
    );
    expect([...posted].filter((name) => !names.has(name))).toEqual([]);
    expect(posted.size).toBeGreaterThan(20);
  });
});

describe('months as periods are named', () => {
  test('each has one after it and one before it', () => {
    expect(monthAfter('2023-12')).toBe('2024-01');
    expect(monthBefore('2024-01')).toBe('2023-12');
    expect(monthAfter('2024-02')).toBe('2024-03');
    fc.assert(
      fc.property(fc.integer({ min: 12_000, max: 35_000 }), (count) => {
        const month = `${Math.floor(count / 12)}-${String((count % 12) + 1).padStart(2, '0')}`;
        expect(monthBefore(monthAfter(month))).toBe(month);
        expect(monthAfter(month) > month).toBe(true);
      }),
    );
  });
});

function netOfSums(all: readonly Sums[]): Map<string, bigint> {
  const total = new Map<string, bigint>();
  for (const sums of all)
    for (const [name, { debits, credits }] of sums) total.set(name, (total.get(name) ?? 0n) + debits - credits);
  for (const [name, amount] of total) if (amount === 0n) total.delete(name);
  return total;
}
