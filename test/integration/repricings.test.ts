/** Charged calls priced anew on a real event store: golden amounts, two persons, what changes meanwhile, and what is repeated. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nano } from '../../src/kernel/credits.js';
import type { AskedRepricing } from '../../src/repricing/repricings.js';
import { CREDIT, causeOf, MODEL, RepricingLedger } from '../support/repricing-ledger.js';

let ledger: RepricingLedger;
/** A millionth of a credit per token of the prompt, two for the answer; half of that; the double. */
let [cheap, dear] = ['', ''];
let ids = 0;

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  cheap = await ledger.publish({ prompt: '0.0000005', completion: '0.000001' });
  dear = await ledger.publish({ prompt: '0.000002', completion: '0.000004' });
  await ledger.publish({ prompt: '0.000001', completion: '0.000002' });
});
afterAll(async () => {
  await ledger?.close();
});

const asked = (accountId: string, priceVersion: string, about: Partial<AskedRepricing> = {}): AskedRepricing => ({
  repricingId: `r${++ids}`,
  accountId,
  selection: { model: MODEL },
  priceVersion,
  reason: 'a wrong price',
  requestedBy: 'ann',
  onlyRefunds: false,
  ...about,
});
const propose = (ask: AskedRepricing) => ledger.desk.repricings.propose(ask, causeOf(ask.repricingId));
const approve = ({ repricingId }: AskedRepricing, by = 'bob', onlyRefunds = false) =>
  ledger.desk.repricings.approve(repricingId, by, onlyRefunds, causeOf(repricingId));
async function carriedOut(ask: AskedRepricing, onlyRefunds = false) {
  await propose(ask);
  const { repricing } = await approve(ask, 'bob', onlyRefunds);
  expect(repricing.status).toBe('carried_out');
  expect(await ledger.problemsOf(ask.accountId)).toEqual([]);
  return repricing.outcome?.effects;
}
const refusal = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => 'accepted',
    ({ code }) => code,
  );
/** 1,000 tokens in and 500 out: 2,000,000 nano-credits. */
const USAGE = { input_uncached: 1_000, output_visible: 500 };
const COST = 2_000_000n;

describe('a repricing', () => {
  test('gives the difference back to the lots that paid, the last debit first', async () => {
    const accountId = await ledger.openAccount({ amount: 1_500_000n, priority: 1 }, { amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    expect(await ledger.lots(accountId)).toEqual({ 'lot-2': CREDIT - 500_000n });
    const ask = asked(accountId, cheap);
    const { repricing } = await propose(ask);
    expect(repricing.calls).toEqual([{ generationId: 'g', model: 0, before: '2000000', after: '1000000', effect: '-1000000' }]);
    expect(repricing.proposal?.totals).toEqual({
      calls: 1,
      before: '2000000',
      after: '1000000',
      refunds: '1000000',
      charges: '0',
      unreturned: '0',
    });
    expect(await ledger.lots(accountId)).toEqual({ 'lot-2': CREDIT - 500_000n });
    expect((await approve(ask)).repricing.outcome?.effects).toEqual({
      refunds: 1,
      refunded: '1000000',
      charged: '0',
      uncharged: '0',
      expired: '0',
      refundedMeanwhile: '0',
    });
    expect(await ledger.lots(accountId)).toEqual({ 'lot-1': 500_000n, 'lot-2': CREDIT });
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('takes what became dearer from free lots in burn-down order, in one adjustment of the two persons', async () => {
    const accountId = await ledger.openAccount({ amount: 5_000_000n, priority: 1 }, { amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    await ledger.call(accountId, 'h', USAGE);
    const ask = asked(accountId, dear);
    expect(await carriedOut(ask)).toMatchObject({ charged: '4000000', refunds: 0 });
    expect(await ledger.lots(accountId)).toEqual({ 'lot-2': CREDIT - 3_000_000n });
    const { account } = await ledger.desk.accounts.refresh(accountId);
    expect(account.adjustments.get(`reprice:${ask.repricingId}`)).toMatchObject({
      requestedBy: 'ann',
      approvedBy: 'bob',
      lines: [
        { lotId: 'lot-1', amount: '-1000000' },
        { lotId: 'lot-2', amount: '-3000000' },
      ],
    });
  });

  test('of a call again starts from what it has cost since', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    await carriedOut(asked(accountId, dear));
    expect(await ledger.free(accountId)).toBe(CREDIT - 2n * COST);
    expect((await propose(asked(accountId, dear))).repricing.calls[0]).toMatchObject({ before: '4000000', effect: '0' });
    await carriedOut(asked(accountId, `${MODEL}@3`));
    expect(await ledger.free(accountId)).toBe(CREDIT - COST);
    await carriedOut(asked(accountId, cheap));
    expect(await ledger.free(accountId)).toBe(CREDIT - COST / 2n);
    expect((await propose(asked(accountId, cheap))).repricing.calls[0]).toMatchObject({ before: '1000000', effect: '0' });
    await carriedOut(asked(accountId, dear));
    expect(await ledger.free(accountId)).toBe(CREDIT - 2n * COST);
  });

  test('leaves what was refunded by hand refunded, and gives back no more than was paid', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    for (const id of ['whole', 'most', 'none']) await ledger.call(accountId, id, USAGE);
    const byHand = (generationId: string, amount: bigint) =>
      ledger.ask(accountId, {
        type: 'RefundGeneration',
        refundId: `hand-${generationId}`,
        generationId,
        amount: nano(amount),
        reason: 'r',
        intoExpired: 'expire',
        paid: { debits: [{ lotId: 'lot-1', amount: `${COST}` }], shortfall: nano(0n) },
      });
    await byHand('whole', COST);
    await byHand('most', 1_500_000n);
    expect((await propose(asked(accountId, dear))).repricing.calls.map(({ effect }) => effect)).toEqual([
      '0',
      '2000000',
      '2000000',
    ]);
    const { refunded } = (await carriedOut(asked(accountId, cheap))) ?? {};
    expect(refunded).toBe('1500000');
    expect(await ledger.free(accountId)).toBe(CREDIT - 1_000_000n);
  });

  test('needs two persons', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    const ask = asked(accountId, cheap);
    await propose(ask);
    expect(await refusal(approve(ask, 'ann'))).toBe('invalid_request');
    expect(await ledger.free(accountId)).toBe(CREDIT - COST);
    expect((await ledger.desk.repricings.show(ask.repricingId)).repricing.status).toBe('proposed');
  });

  test.each(['a call', 'a refund', 'another repricing'])('is stale after %s', async (what) => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    const ask = asked(accountId, cheap);
    await propose(ask);
    if (what === 'a call') await ledger.call(accountId, 'h', USAGE);
    else if (what === 'another repricing') await carriedOut(asked(accountId, cheap));
    else
      await ledger.ask(accountId, {
        type: 'RefundGeneration',
        refundId: 'hand',
        generationId: 'g',
        amount: nano(1_500_000n),
        reason: 'r',
        intoExpired: 'expire',
        paid: { debits: [{ lotId: 'lot-1', amount: `${COST}` }], shortfall: nano(0n) },
      });
    const before = await ledger.free(accountId);
    expect(await refusal(approve(ask))).toBe('repricing_stale');
    expect(await ledger.free(accountId)).toBe(before);
  });

  test('is refused where free credits do not suffice, and nothing is written; only_refunds leaves the charges out', async () => {
    const accountId = await ledger.openAccount({ amount: COST + 1_000_000n });
    await ledger.call(accountId, 'g', USAGE);
    const ask = asked(accountId, dear);
    await propose(ask);
    await expect(approve(ask)).rejects.toMatchObject({
      status: 409,
      code: 'free_credits_insufficient',
      details: { metadata: { needed: '0.002', missing: '0.001' } },
    });
    expect((await ledger.desk.repricings.show(ask.repricingId)).repricing.status).toBe('proposed');
    expect((await approve(ask, 'bob', true)).repricing).toMatchObject({ status: 'carried_out', onlyRefunds: true });
    expect(await ledger.free(accountId)).toBe(1_000_000n);
    // It charged nothing, so the next one finds the call at its old cost.
    expect((await propose(asked(accountId, dear))).repricing.calls[0]).toMatchObject({ before: `${COST}`, effect: '2000000' });
  });

  test('asked twice has one effect and the same answer; for something else under its id there is a conflict', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    const ask = asked(accountId, cheap, { selection: { generationIds: ['g'] } });
    const first = await propose(ask);
    expect(await propose(ask)).toEqual(first);
    for (const other of [{ priceVersion: dear }, { reason: 'another' }, { selection: { model: MODEL } }, { requestedBy: 'cat' }])
      expect(await refusal(propose({ ...ask, ...other }))).toBe('repricing_conflict');
    const done = await approve(ask);
    expect(await approve(ask)).toEqual(done);
    expect(await refusal(approve(ask, 'cat'))).toBe('repricing_ended');
    expect(await refusal(ledger.desk.repricings.reject(ask.repricingId, 'cat', undefined, causeOf('x')))).toBe('repricing_ended');
    expect(await ledger.eventsOf(accountId, 'GenerationRefunded')).toBe(1);
    expect((await propose(ask)).repricing).toEqual(done.repricing);
  });

  test('that was rejected is never approved', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'g', USAGE);
    const ask = asked(accountId, cheap);
    await propose(ask);
    const rejected = await ledger.desk.repricings.reject(ask.repricingId, 'cat', 'no', causeOf(ask.repricingId));
    expect(rejected.repricing.status).toBe('rejected');
    expect(await refusal(approve(ask))).toBe('repricing_ended');
    expect(await ledger.free(accountId)).toBe(CREDIT - COST);
  });

  test('of what is not there is refused', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    expect(await refusal(propose(asked(accountId, cheap)))).toBe('invalid_request');
    await ledger.call(accountId, 'g', USAGE);
    expect(await refusal(propose(asked('nobody123', cheap)))).toBe('account_not_found');
    expect(await refusal(propose(asked('../x', cheap)))).toBe('account_not_found');
    expect(await refusal(propose(asked(accountId, `${MODEL}@9`)))).toBe('price_version_not_found');
    expect(await refusal(propose(asked(accountId, cheap, { selection: { generationIds: ['g', 'x'] } })))).toBe(
      'generation_not_found',
    );
    expect(await refusal(approve(asked(accountId, cheap)))).toBe('repricing_not_found');
  });
});
