/** A repricing whose process dies between any two appends, or that two processes carry out at once: each effect is made once. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nano } from '../../src/kernel/credits.js';
import { FinishRepricingsJob } from '../../src/repricing/finish-repricings.job.js';
import { CREDIT, MODEL, RepricingLedger } from '../support/repricing-ledger.js';

const OTHER = 'test/other';
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

/** An account with calls of which some become cheaper and some dearer, one of them for the second time. */
async function proposed(): Promise<{ accountId: string; repricingId: string; before: bigint; after: bigint }> {
  const accountId = await ledger.openAccount({ amount: 3_000_000n, priority: 1 }, { amount: CREDIT });
  await ledger.call(accountId, 'again', { input_uncached: 2_000 });
  await ledger.carryOut(await ledger.propose(accountId, { generationIds: ['again'] }, `${OTHER}@1`));
  for (let call = 0; call < 3; call++) {
    await ledger.call(accountId, `cheaper-${call}`, { output_visible: 1_000 + call });
    await ledger.call(accountId, `dearer-${call}`, { input_uncached: 500 + call });
  }
  // The charge uses this lot up, so that one made anew would take other lots.
  await ledger.ask(accountId, { type: 'GrantCredits', grantId: 'small', kind: 'promo', amount: nano(100n), priority: 2 });
  const before = await ledger.free(accountId);
  const repricingId = await ledger.propose(accountId, { model: MODEL }, dear);
  const { repricing } = await ledger.desk.repricings.show(repricingId);
  const effects = repricing.calls.map(({ effect }) => BigInt(effect));
  expect(effects.some((effect) => effect > 0n) && effects.some((effect) => effect < 0n)).toBe(true);
  expect(repricing.calls.some(({ uncharged }) => uncharged !== undefined)).toBe(true);
  return { accountId, repricingId, before, after: before - effects.reduce((sum, effect) => sum + effect, 0n) };
}

describe('a repricing whose process dies', () => {
  test('after any of its appends is finished by another one, exactly', async () => {
    const desk = await ledger.anotherDesk();
    const job = new FinishRepricingsJob(desk.store, desk.repricings);
    let died = 0;
    for (let appends = 0; ; appends++) {
      const { accountId, repricingId, before, after } = await proposed();
      const dying = await ledger.anotherDesk();
      dying.store.appendsLeft = appends;
      const finished = await ledger.carryOut(repricingId, dying).catch((error: Error) => error);
      if (!(finished instanceof Error)) break;
      died += 1;
      expect(finished.message).toContain('the process has died');
      const { repricing } = await ledger.desk.repricings.show(repricingId);
      expect(repricing.status).toBe(appends < 2 ? 'proposed' : 'approved');
      if (appends < 2) expect(await ledger.free(accountId)).toBe(before);
      await job.run();
      if (appends < 2) await ledger.carryOut(repricingId);
      await job.run();
      expect((await ledger.desk.repricings.show(repricingId)).repricing).toMatchObject({ status: 'carried_out' });
      expect(await ledger.free(accountId)).toBe(after);
      expect(await ledger.problemsOf(accountId)).toEqual([]);
    }
    // Turn, approval, charges, charges given back, refunds, end.
    expect(died).toBeGreaterThanOrEqual(6);
  });

  test('and whose credits were spent meanwhile stays approved until there are some, and refunds nothing before', async () => {
    const accountId = await ledger.openAccount({ amount: 1_000_000n });
    await ledger.call(accountId, 'dearer', { input_uncached: 200 });
    await ledger.call(accountId, 'cheaper', { output_visible: 200 });
    const repricingId = await ledger.propose(accountId, { model: MODEL }, dear);
    const dying = await ledger.anotherDesk();
    dying.store.appendsLeft = 2;
    await ledger.carryOut(repricingId, dying).catch(() => undefined);
    await ledger.call(accountId, 'meanwhile', { output_visible: 150 });
    expect(await ledger.free(accountId)).toBe(100_000n);
    const job = new FinishRepricingsJob(ledger.desk.store, ledger.desk.repricings);
    await job.run();
    expect((await ledger.desk.repricings.show(repricingId)).repricing.status).toBe('approved');
    expect(await ledger.free(accountId)).toBe(100_000n);
    await ledger.ask(accountId, { type: 'GrantCredits', grantId: 'more', kind: 'promo', amount: nano(100_000n), priority: 50 });
    await job.run();
    expect((await ledger.desk.repricings.show(repricingId)).repricing.outcome?.effects).toMatchObject({
      charged: '200000',
      refunded: '200000',
    });
    expect(await ledger.free(accountId)).toBe(200_000n);
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('and whose calls were refunded by hand meanwhile gives back no more than was paid', async () => {
    const accountId = await ledger.openAccount({ amount: CREDIT });
    await ledger.call(accountId, 'most', { output_visible: 200 });
    await ledger.call(accountId, 'whole', { output_visible: 200 });
    const repricingId = await ledger.propose(accountId, { model: MODEL }, dear);
    const dying = await ledger.anotherDesk();
    dying.store.appendsLeft = 2;
    await ledger.carryOut(repricingId, dying).catch(() => undefined);
    await ledger.refundByHand(accountId, 'most', 300_000n);
    await ledger.refundByHand(accountId, 'whole');
    await new FinishRepricingsJob(ledger.desk.store, ledger.desk.repricings).run();
    expect((await ledger.desk.repricings.show(repricingId)).repricing.outcome?.effects).toMatchObject({
      refunds: 1,
      refunded: '100000',
      refundedMeanwhile: '300000',
    });
    expect(await ledger.free(accountId)).toBe(CREDIT);
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('and one that two processes approve and finish at once has each effect once', async () => {
    const { accountId, repricingId, after } = await proposed();
    const other = await ledger.anotherDesk();
    const job = new FinishRepricingsJob(other.store, other.repricings);
    const answers = await Promise.all([ledger.carryOut(repricingId), ledger.carryOut(repricingId, other), job.run()]);
    expect(answers[0]).toEqual(answers[1]);
    expect(await ledger.free(accountId)).toBe(after);
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('while it is approved, no other repricing of the account can be', async () => {
    const { accountId, repricingId, after } = await proposed();
    const rival = await ledger.propose(accountId, { generationIds: ['cheaper-0'] }, dear);
    const dying = await ledger.anotherDesk();
    dying.store.appendsLeft = 2;
    await ledger.carryOut(repricingId, dying).catch(() => undefined);
    await expect(ledger.carryOut(rival)).rejects.toMatchObject({ code: 'repricing_in_progress' });
    await ledger.carryOut(repricingId);
    await expect(ledger.carryOut(rival)).rejects.toMatchObject({ code: 'repricing_stale' });
    expect(await ledger.free(accountId)).toBe(after);
  });

  test('two that are approved at once do not both compensate a call', async () => {
    for (let round = 0; round < 5; round++) {
      const accountId = await ledger.openAccount({ amount: CREDIT });
      const cost = await ledger.call(accountId, 'g', { output_visible: 1_000 });
      const other = await ledger.anotherDesk();
      const rivals = [
        await ledger.propose(accountId, { model: MODEL }, dear),
        await ledger.propose(accountId, { model: MODEL }, dear),
      ];
      const answers = await Promise.allSettled([
        ledger.carryOut(rivals[0] as string),
        ledger.carryOut(rivals[1] as string, other),
      ]);
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await ledger.free(accountId)).toBe(CREDIT - cost / 2n);
    }
  });
});
