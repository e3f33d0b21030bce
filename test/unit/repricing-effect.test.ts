import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CallMoney, effectOf } from '../../src/repricing/domain/call-effect.js';

const call = (about: Partial<CallMoney> = {}): CallMoney => ({
  charged: 100n,
  debited: 100n,
  shortfall: 0n,
  returned: 0n,
  waived: 0n,
  repricedBack: 0n,
  repricedCharges: 0n,
  ...about,
});

describe('the effect of a new cost on a call of 100', () => {
  test.each<[string, Partial<CallMoney>, bigint, bigint]>([
    ['cheaper', {}, 80n, -20n],
    ['dearer', {}, 130n, 30n],
    ['the same', {}, 100n, 0n],
    ['cheaper for the second time', { returned: 20n, repricedBack: 20n }, 70n, -10n],
    ['dearer after it became cheaper', { returned: 20n, repricedBack: 20n }, 100n, 20n],
    ['cheaper after it became dearer', { repricedCharges: 30n }, 100n, -30n],
    ['much cheaper after it became dearer', { repricedCharges: 30n }, 10n, -120n],
    ['cheaper, of which a part was refunded by hand', { returned: 50n }, 80n, -20n],
    ['cheaper than what is left after a refund by hand', { returned: 50n }, 20n, -50n],
    ['cheaper, and was given back whole by hand', { returned: 100n }, 80n, 0n],
    ['dearer, and was given back whole by hand', { returned: 100n }, 150n, 0n],
    ['dearer, of which a part was refunded by hand', { returned: 50n }, 150n, 50n],
    ['free, and becomes dearer', { charged: 0n, debited: 0n }, 5n, 5n],
  ])('%s', (_, about, after, effect) => {
    expect(effectOf(call(about), after, 0n)).toMatchObject({ effect, unreturned: 0n });
  });

  test('what was charged last comes back first', () => {
    expect(effectOf(call({ repricedCharges: 30n }), 10n, 0n)).toMatchObject({ uncharged: 30n, effect: -120n });
  });

  test('of a shortfall, only what is still owed can be forgiven, once', () => {
    const short = call({ debited: 60n, shortfall: 40n });
    expect(effectOf(short, 0n, 40n)).toMatchObject({ effect: -100n, unreturned: 0n, owedAfter: 0n });
    expect(effectOf(short, 0n, 10n)).toMatchObject({ effect: -70n, unreturned: 30n, owedAfter: 0n });
    expect(effectOf(short, 70n, 40n)).toMatchObject({ effect: -30n, owedAfter: 10n });
  });

  test('never gives back more than was paid', () => {
    const amount = fc.bigInt({ min: 0n, max: 100n });
    fc.assert(
      fc.property(amount, amount, amount, amount, amount, amount, (debited, shortfall, gone, charges, after, owed) => {
        const returned = gone < debited ? gone : debited;
        const money = call({ charged: debited + shortfall, debited, shortfall, returned, repricedCharges: charges });
        const { effect, uncharged, owedAfter } = effectOf(money, after, owed);
        expect(-effect <= debited - returned + charges + (owed - owedAfter)).toBe(true);
        expect(uncharged >= 0n && uncharged <= charges).toBe(true);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});
