/** Repricings in number: random prices, refunds by hand in between, lots that expire, shortfalls, and as many calls as there may be. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nano } from '../../src/kernel/credits.js';
import { CREDIT, MODEL, RepricingLedger } from '../support/repricing-ledger.js';

const OTHER = 'test/other';
const SEED = 20_260_601;
/** On a machine that is busy otherwise. */
const WITHIN_MS = 240_000;
let ledger: RepricingLedger;
let dear: string;

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  dear = await ledger.publish({ prompt: '0.000002', completion: '0.000001' });
  await ledger.publish({ prompt: '0.000001', completion: '0.000002' });
  await ledger.publish({ prompt: '0.000003', completion: '0.000003' }, OTHER);
});
afterAll(async () => {
  await ledger?.close();
});

test('what a repricing had charged to a lot that has expired since has expired with it', async () => {
  const accountId = await ledger.openAccount(
    { amount: 1_000_000n, priority: 1, expiresAt: ledger.now + 60_000 },
    { amount: CREDIT },
  );
  await ledger.call(accountId, 'g', { input_uncached: 400 });
  await ledger.carryOut(await ledger.propose(accountId, { model: MODEL }, `${OTHER}@1`));
  expect(await ledger.lots(accountId)).toEqual({ 'lot-2': CREDIT - 200_000n });
  ledger.now += 120_000;
  const repricingId = await ledger.propose(accountId, { model: MODEL }, `${MODEL}@2`);
  const { repricing } = await ledger.carryOut(repricingId);
  expect(repricing.outcome?.effects).toMatchObject({ uncharged: '200000', expired: '600000', refunded: '0' });
  expect(await ledger.lots(accountId)).toEqual({ 'lot-2': CREDIT });
  expect(await ledger.problemsOf(accountId)).toEqual([]);
});

test('what has expired whole with its lot is not taken back again by the next repricing', async () => {
  const accountId = await ledger.openAccount(
    { amount: 2_000_000n, priority: 1, expiresAt: ledger.now + 60_000 },
    { amount: CREDIT },
  );
  await ledger.call(accountId, 'g', { input_uncached: 400 });
  await ledger.carryOut(await ledger.propose(accountId, { model: MODEL }, `${OTHER}@1`));
  ledger.now += 120_000;
  const { repricing } = await ledger.carryOut(await ledger.propose(accountId, { model: MODEL }, `${MODEL}@2`));
  expect(repricing.outcome?.effects).toMatchObject({ uncharged: '0', expired: '800000' });
  const again = await ledger.propose(accountId, { model: MODEL }, `${MODEL}@2`);
  const { proposal } = (await ledger.desk.repricings.show(again)).repricing;
  expect(proposal?.totals).toMatchObject({ before: '400000', after: '400000', refunds: '0', charges: '0' });
  expect(await ledger.problemsOf(accountId)).toEqual([]);
});

test('what of a shortfall is still owed is forgiven; what was repaid later is said to be lacking', async () => {
  const accountId = await ledger.openAccount({ amount: 1_000_000n });
  await ledger.call(accountId, 'g', { output_visible: 1_500 }, { hold: 1_000n });
  const owed = async () => (await ledger.desk.accounts.refresh(accountId)).account.receivable;
  expect(await owed()).toBe(2_000_000n);
  await ledger.ask(accountId, { type: 'GrantCredits', grantId: 'given', kind: 'promo', amount: nano(9_000_000n), priority: 50 });
  const dearer = await ledger.propose(accountId, {}, `${OTHER}@1`);
  await expect(ledger.carryOut(dearer)).rejects.toMatchObject({ details: { metadata: { missing: '0.0015' } } });
  await ledger.carryOut(await ledger.propose(accountId, {}, dear));
  expect([await owed(), await ledger.free(accountId)]).toEqual([500_000n, 9_000_000n]);
  await ledger.ask(accountId, { type: 'GrantCredits', grantId: 'more', kind: 'top_up', amount: nano(600_000n), priority: 50 });
  expect([await owed(), await ledger.free(accountId)]).toEqual([0n, 9_100_000n]);
  const free = await ledger.publish({ prompt: '0', completion: '0' }, 'test/free');
  const { repricing } = await ledger.carryOut(await ledger.propose(accountId, {}, free));
  expect(repricing.proposal?.totals).toMatchObject({ before: '1500000', after: '0', refunds: '1000000', unreturned: '500000' });
  expect(await ledger.free(accountId)).toBe(10_100_000n);
  expect(await ledger.problemsOf(accountId)).toEqual([]);
});

const price = fc.integer({ min: 0, max: 5_000_000 }).map((pico) => (pico / 1e12).toFixed(12));
const prices = fc.record({ prompt: price, completion: price, input_cache_read: price, request: price });
const usage = fc.record({
  input_uncached: fc.nat(3_000),
  cache_read: fc.nat(3_000),
  output_visible: fc.nat(3_000),
  output_reasoning: fc.nat(300),
});

test(
  'whatever the prices, what calls have cost in the end is what the last repricing said, and the auditor agrees',
  async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        prices,
        fc.array(prices, { minLength: 1, maxLength: 4 }),
        fc.array(usage, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (first, others, usages, isShort) => {
          const model = `test/random-${++runs}`;
          await ledger.publish(first, model);
          const accountId = await ledger.openAccount({ amount: 900_000n, priority: 1 }, { amount: CREDIT });
          // What is held may be less than the call costs: then free credits pay the rest.
          for (const [index, each] of usages.entries())
            await ledger.call(accountId, `g${index}`, each, { model, hold: isShort ? 1_000n : 0n });
          for (const other of others) {
            const version = await ledger.publish(other, model);
            const repricingId = await ledger.propose(accountId, { model }, version);
            await ledger.carryOut(repricingId);
            const { repricing } = await ledger.desk.repricings.show(repricingId);
            const after = repricing.calls.reduce((sum, call) => sum + BigInt(call.after), 0n);
            expect(repricing.status).toBe('carried_out');
            expect(repricing.proposal?.totals.unreturned).toBe('0');
            expect(await ledger.free(accountId)).toBe(CREDIT + 900_000n - after);
          }
          expect(await ledger.problemsOf(accountId)).toEqual([]);
        },
      ),
      { seed: SEED, numRuns: 12 },
    );
  },
  WITHIN_MS,
);

test(
  'whatever was refunded by hand in between, the balance moves by what the dry run said',
  async () => {
    let runs = 0;
    const step = fc.record({
      to: prices,
      refund: fc.option(fc.record({ call: fc.nat(2), amount: fc.integer({ min: 1, max: 3_000_000 }) })),
    });
    await fc.assert(
      fc.asyncProperty(prices, fc.array(step, { minLength: 2, maxLength: 5 }), async (first, steps) => {
        const model = `test/refunded-${++runs}`;
        await ledger.publish(first, model);
        const accountId = await ledger.openAccount({ amount: 900_000n, priority: 1 }, { amount: CREDIT });
        for (let call = 0; call < 3; call++)
          await ledger.call(accountId, `g${call}`, { input_uncached: 500 * (call + 1), output_visible: 100 }, { model });
        for (const { to, refund } of steps) {
          if (refund && !(await ledger.refundByHand(accountId, `g${refund.call}`, BigInt(refund.amount))))
            await ledger.refundByHand(accountId, `g${refund.call}`);
          const version = await ledger.publish(to, model);
          const before = await ledger.free(accountId);
          const repricingId = await ledger.propose(accountId, { model }, version);
          const { repricing } = await ledger.carryOut(repricingId);
          expect(repricing).toMatchObject({
            status: 'carried_out',
            outcome: { effects: { refundedMeanwhile: '0', expired: '0' } },
          });
          const effect = repricing.calls.reduce((sum, call) => sum + BigInt(call.effect), 0n);
          expect(await ledger.free(accountId)).toBe(before - effect);
        }
        expect(await ledger.free(accountId)).toBeLessThanOrEqual(CREDIT + 900_000n);
        expect(await ledger.problemsOf(accountId)).toEqual([]);
      }),
      { seed: SEED, numRuns: 12 },
    );
  },
  WITHIN_MS,
);

test(
  '5,000 calls fit into one append, and each is given back',
  async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    for (let at = 0; at < 5_000; at += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, each) =>
          ledger.call(accountId, `gen-1760000000-${`${at + each}`.padStart(20, 'x')}`, { output_visible: 10 }),
        ),
      );
    const before = await ledger.free(accountId);
    const repricingId = await ledger.propose(accountId, { model: MODEL }, dear);
    const sizes: number[] = [];
    for await (const { data } of ledger.desk.store.read(`repricing-${repricingId}`)) sizes.push(JSON.stringify(data).length);
    expect(Math.max(...sizes)).toBeLessThan(300_000);
    // An event store takes a mebibyte at once.
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(900_000);
    await ledger.carryOut(repricingId);
    expect(await ledger.free(accountId)).toBe(before + 5_000n * 10_000n);
    await ledger.call(accountId, 'one-more', { output_visible: 10 });
    await expect(ledger.propose(accountId, { model: MODEL }, dear)).rejects.toMatchObject({ status: 400 });
  },
  WITHIN_MS,
);
