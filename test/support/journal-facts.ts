import fc from 'fast-check';
import type { JournalEntry } from '../../projections/journal/journal-tables.projection.js';
import type { Fact } from '../../projections/runtime/projection.js';
import { monthAfter, monthBefore, PERIODS_STREAM, type PeriodEvent } from '../../src/periods/domain/periods.events.js';

/** Where months are closed and opened again, as parts of a history's length. */
export const closings = fc.array(fc.record({ where: fc.nat(999), reopens: fc.boolean(), current: fc.boolean() }), {
  maxLength: 12,
});
export type Closings = typeof closings extends fc.Arbitrary<infer T> ? T : never;

/** The facts with closings among them, numbered anew. A month may be closed before it is over: then much is late. */
export function withClosings(facts: readonly Fact[], asked: Closings): Fact[] {
  const all: Fact[] = [];
  const at = asked.map((closing) => ({ ...closing, index: Math.floor((closing.where / 1000) * facts.length) }));
  const closed: string[] = [];
  const put = (fact: Omit<Fact, 'position'>) => all.push({ ...fact, position: BigInt(all.length) });
  facts.forEach((fact, index) => {
    put(fact);
    for (const { reopens, current } of at.filter((closing) => closing.index === index)) {
      const event = closingEvent(monthOf(fact), closed, reopens, current);
      if (event) put({ stream: PERIODS_STREAM, revision: 0n, metadata: fact.metadata, ...event });
    }
  });
  return all;
}

function closingEvent(month: string, closed: string[], reopens: boolean, current: boolean): PeriodEvent | undefined {
  const last = closed.at(-1);
  if (reopens) {
    if (last === undefined) return undefined;
    closed.pop();
    return { type: 'PeriodReopened', data: { period: last, requestedBy: 'p1', approvedBy: 'p2', reason: 'r' } };
  }
  const period = last === undefined ? (current ? month : monthBefore(month)) : monthAfter(last);
  if (period > month) return undefined;
  closed.push(period);
  return { type: 'PeriodClosed', data: { period, upTo: '0', requestedBy: 'p1' } };
}

export const monthOf = ({ metadata }: Pick<Fact, 'metadata'>): string => metadata.occurredAt.slice(0, 7);

/** `available:promo=100 held:promo=-100` as amounts by ledger account. */
export const linesOf = ({ lines }: Pick<JournalEntry, 'lines'>): [string, bigint][] =>
  lines === ''
    ? []
    : lines.split(' ').map((line) => {
        const [ledgerAccount, amount] = line.split('=') as [string, string];
        return [ledgerAccount, BigInt(amount)];
      });

/** The sum of the lines of entries by ledger account, without those that come to nothing. */
export function netOf(entries: Iterable<JournalEntry>): Map<string, bigint> {
  const net = new Map<string, bigint>();
  for (const entry of entries)
    for (const [ledgerAccount, amount] of linesOf(entry)) net.set(ledgerAccount, (net.get(ledgerAccount) ?? 0n) + amount);
  for (const [ledgerAccount, amount] of net) if (amount === 0n) net.delete(ledgerAccount);
  return net;
}
