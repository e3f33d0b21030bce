import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Fact } from '../../projections/runtime/projection.js';
import { generationAsOf } from '../../projections/usage/generation.projection.js';
import { usage } from '../../projections/usage/usage.projection.js';
import type { UsageOfSpan, UsageTables } from '../../projections/usage/usage-tables.projection.js';
import type { LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';
import { Tables } from '../support/projection-tables.js';
import { isCharge, usageHistories } from '../support/usage-histories.js';

const folded = (facts: readonly Fact[]) => new Tables<UsageTables>(usage).fold(facts);

/** By account and key. */
function costs(rows: Iterable<Pick<UsageOfSpan, 'accountId' | 'keyId' | 'cost'>>): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { accountId, keyId, cost } of rows)
    sums.set(`${accountId} ${keyId}`, (sums.get(`${accountId} ${keyId}`) ?? 0n) + cost);
  return new Map([...sums].sort());
}

describe('usage, for every history that the write side can produce', () => {
  test('hours sum to days, days to generations, and these to what the keys were charged', () => {
    fc.assert(
      fc.property(usageHistories, (facts) => {
        const { rows } = folded(facts);
        const charged = facts.filter(isCharge).map(({ stream, data }) => {
          const { keyId, cost } = data as LateSettlementRecorded['data'];
          return { accountId: stream.slice('account-'.length), keyId, cost: BigInt(cost.rounded) as UsageOfSpan['cost'] };
        });
        expect(costs(rows.hours.values())).toEqual(costs(charged));
        expect(costs(rows.days.values())).toEqual(costs(charged));
        const chargedOnes = [...rows.generations.values()].filter(({ chargedPosition }) => chargedPosition !== null);
        expect(costs(chargedOnes)).toEqual(costs(charged));
      }),
      { numRuns: 100 },
    );
  });

  test('how events come in batches does not matter', () => {
    fc.assert(
      fc.property(usageHistories, fc.integer({ min: 1, max: 20 }), (facts, size) => {
        const inBatches = new Tables<UsageTables>(usage);
        for (let at = 0; at < facts.length; at += size) inBatches.fold(facts.slice(at, at + size));
        expect(inBatches.sorted()).toEqual(folded(facts).sorted());
      }),
      { numRuns: 50 },
    );
  });

  test('a generation as of every position is what the events until then make', () => {
    fc.assert(
      fc.property(usageHistories, (facts) => {
        const whole = [...folded(facts).rows.generations.values()];
        const then = new Tables<UsageTables>(usage);
        for (const fact of facts) {
          then.fold([fact]);
          const shown = whole.flatMap((row) => generationAsOf(row, ({ position }) => position <= fact.position) ?? []);
          expect(shown).toEqual([...then.rows.generations.values()]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
