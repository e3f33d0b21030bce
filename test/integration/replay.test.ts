/** The auditor's replay of an account: held against the write side's own fold after every event, and against a forged charge. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, available } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { type ReplayedStep, replayAccount } from '../../src/audit/replay-account.js';
import { stepToJson } from '../../src/audit/replay-json.js';
import type { EventStore } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import { instantFromText } from '../../src/kernel/time.js';
import { CREDIT, causeOf, RepricingLedger } from '../support/repricing-ledger.js';
import { resealed, type TamperedStore, tamperedStore } from '../support/tampered-store.js';

let ledger: RepricingLedger;
let accountId: string;
const opened: TamperedStore[] = [];

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  const first = await ledger.publish({ prompt: '0.000001', completion: '0.0000021234' });
  accountId = await ledger.openAccount(
    { amount: 900_000n, priority: 1, expiresAt: ledger.now + 100_000 },
    { amount: CREDIT },
    { amount: 50_000n, priority: 90 },
  );
  const ask = (command: Parameters<RepricingLedger['ask']>[1]) => ledger.ask(accountId, command);
  await ledger.call(accountId, 'one', { input_uncached: 101, output_visible: 7 }, { hold: 5_000_000n });
  await ledger.call(accountId, 'beyond', { input_uncached: 700 }, { hold: 1_000n });
  await ask({
    type: 'RefundGeneration',
    refundId: 'f',
    generationId: 'one',
    amount: nano(5_000n),
    reason: 'r',
    intoExpired: 'expire',
    paid: { debits: [{ lotId: 'lot-1', amount: '115864' }], shortfall: nano(0n) },
  });
  ledger.now += 200_000;
  await ask({ type: 'ExpireCredits' });
  await ask({
    type: 'AdjustCredits',
    adjustmentId: 'a',
    lines: [{ lotId: 'lot-2', amount: -3n }],
    requestedBy: 'x',
    approvedBy: 'y',
    reason: 'r',
  });
  await ledger.publish({ prompt: '0.0000005', completion: '0.000003' });
  await ledger.call(accountId, 'large', { input_uncached: 1_000_000 });
  const repricing = { repricingId: 'r', accountId, selection: {}, priceVersion: first, reason: 'r', requestedBy: 'ann' };
  await ledger.desk.repricings.propose({ ...repricing, onlyRefunds: false }, causeOf('r'));
  await ledger.desk.repricings.approve('r', 'bob', false, causeOf('r'));
  const lot = { kind: 'top_up', priority: 0, amount: nano(1_000_000n) } as const;
  for (const [disputeId, end, tokens] of [
    ['won', 'UnfreezeLots', 500],
    ['lost', 'ClawBackCredits', 3_000],
  ] as const) {
    await ask({ type: 'GrantCredits', grantId: disputeId, paymentId: disputeId, ...lot });
    await ledger.call(accountId, disputeId, { input_uncached: tokens });
    await ask({ type: 'FreezeLots', disputeId, paymentId: disputeId, amount: nano(1_000_000n) });
    await ask({ type: end, disputeId });
  }
});
afterAll(async () => {
  for (const { dispose } of opened) await dispose();
  await ledger?.close();
});

async function replayed(store: EventStore = ledger.desk.store) {
  const steps: ReplayedStep[] = [];
  const reading = replayAccount(store, accountId);
  for (let next = await reading.next(); ; next = await reading.next()) {
    if (next.done) return { steps, problems: next.value };
    steps.push(next.value);
  }
}

test('the running balance is the write side’s own after every event, lot by lot', async () => {
  const { steps, problems } = await replayed();
  expect(problems).toEqual([]);
  const lots = new Map<string, { remaining: bigint; held: bigint; frozen: bigint }>();
  let account: Account = accountDecider.initialState();
  let seen = 0;
  for await (const { type, data, metadata } of ledger.desk.store.read(`account-${accountId}`)) {
    const at = instantFromText(metadata.occurredAt);
    account = accountDecider.evolve(account, { type, data } as AccountEvent, at);
    const step = steps[seen++];
    expect(step?.event.type).toBe(type);
    expect(step?.problems).toEqual([]);
    const known = [...account.lots.values()];
    const sum = (part: 'remaining' | 'held' | 'frozen') => known.reduce((total, lot) => total + lot[part], 0n);
    expect(step?.figures).toMatchObject({
      available: available(account, at),
      held: sum('held'),
      frozen: sum('frozen'),
      receivable: account.receivable,
    });
    const json = stepToJson(step as ReplayedStep) as { balance: { owned: string } };
    expect(BigInt(Math.round(Number(json.balance.owned) * 1e9))).toBe(sum('remaining'));
    for (const { lotId, after, ...change } of step?.lots ?? []) {
      const before = lots.get(lotId) ?? { remaining: 0n, held: 0n, frozen: 0n };
      for (const part of ['remaining', 'held', 'frozen'] as const) expect(before[part] + change[part]).toBe(after[part]);
      lots.set(lotId, after);
    }
    for (const { lotId, remaining, held, frozen } of known) expect(lots.get(lotId)).toEqual({ remaining, held, frozen });
  }
  expect(steps).toHaveLength(seen);
  expect(account.receivable).toBeGreaterThan(0n);
  const types = new Set(steps.map(({ event }) => event.type));
  for (const type of [
    'CreditsExpired',
    'GenerationRefunded',
    'CreditsAdjusted',
    'ReservationSettled',
    'LotsFrozen',
    'LotsUnfrozen',
    'CreditsClawedBack',
  ])
    expect(types).toContain(type);
});

test('every charge matches its evidence, to the picocredit', async () => {
  const { steps } = await replayed();
  const opinions = steps.flatMap(({ settlement }) => settlement ?? []);
  expect(opinions.map(({ generationId, result }) => [generationId, result])).toEqual([
    ['one', 'match'],
    ['beyond', 'match'],
    ['large', 'match'],
    ['won', 'match'],
    ['lost', 'match'],
  ]);
  // 101 × 1,000,000 + 7 × 2,123,400 picocredits.
  expect(opinions[0]?.recomputed).toEqual({ exact: '115863800', rounded: '115864' });
});

test('a charge that was forged, with its hash chain mended, is a mismatch with both figures', async () => {
  const tampered = await tamperedStore(ledger.desk.store, (events) =>
    resealed(
      events.map((event) => {
        // biome-ignore lint/suspicious/noExplicitAny: a forger does not ask for types
        const data = event.data as any;
        if (event.type !== 'ReservationSettled' || data.generationId !== 'one') return event;
        return { ...event, data: { ...data, usage: { ...data.usage, classes: { input_uncached: 51, output_visible: 7 } } } };
      }),
    ),
  );
  opened.push(tampered);
  const { steps } = await replayed(tampered.store);
  const opinions = steps.flatMap(({ settlement }) => settlement ?? []);
  expect(opinions.map(({ result }) => result)).toEqual(['mismatch', 'match', 'match', 'match', 'match']);
  expect(opinions[0]).toMatchObject({
    charged: { exact: '115863800', rounded: '115864' },
    recomputed: { exact: '65863800', rounded: '65864' },
  });
  const step = steps.find(({ settlement }) => settlement?.result === 'mismatch') as ReplayedStep;
  expect(step.problems.map(({ rule }) => rule)).toContain('7');
  expect(stepToJson(step)).toMatchObject({
    settlement: { result: 'mismatch', charged: { cost: '0.000115864' }, recomputed: { cost: '0.000065864' } },
  });
});

test('a charge that is wrong by a picocredit, and rounds to the same, is a mismatch', async () => {
  const tampered = await tamperedStore(ledger.desk.store, (events) =>
    resealed(
      events.map((event) => {
        // biome-ignore lint/suspicious/noExplicitAny: a forger does not ask for types
        const data = event.data as any;
        if (data.generationId !== 'one' || !data.cost) return event;
        return { ...event, data: { ...data, cost: { ...data.cost, exact: '115863801' } } };
      }),
    ),
  );
  opened.push(tampered);
  const [opinion] = (await replayed(tampered.store)).steps.flatMap(({ settlement }) => settlement ?? []);
  expect(opinion).toMatchObject({ result: 'mismatch', recomputed: { exact: '115863800', rounded: '115864' } });
});

test('an edit that left the chain as it was shows where it was made', async () => {
  const tampered = await tamperedStore(ledger.desk.store, (events) =>
    events.map((event) => (event.type === 'CreditsAdjusted' ? { ...event, data: { ...event.data, reason: 'another' } } : event)),
  );
  opened.push(tampered);
  const { steps } = await replayed(tampered.store);
  const wrong = steps.filter(({ problems }) => problems.length > 0);
  expect(wrong[0]?.event.type).toBe('CreditsAdjusted');
  expect(wrong[0]?.problems.map(({ rule, text }) => `${rule}: ${text}`)).toEqual(['10: the event is not what was hashed']);
});

test('where the bounded memory cannot tell, the account is read again and taken up where it was', async () => {
  const other = await ledger.openAccount({ amount: CREDIT });
  await ledger.call(other, 'early', { input_uncached: 1_000 });
  for (let at = 0; at < 600; at += 100)
    await Promise.all(Array.from({ length: 100 }, (_, each) => ledger.call(other, `g${at + each}`, { input_uncached: 1 })));
  await ledger.ask(other, {
    type: 'RefundGeneration',
    refundId: 'f',
    generationId: 'early',
    amount: nano(1n),
    reason: 'r',
    intoExpired: 'expire',
    paid: { debits: [{ lotId: 'lot-1', amount: '500000' }], shortfall: nano(0n) },
  });
  const revisions: number[] = [];
  const reading = replayAccount(ledger.desk.store, other);
  for (let next = await reading.next(); !next.done; next = await reading.next()) {
    revisions.push(next.value.event.revision);
    expect(next.value.problems).toEqual([]);
  }
  expect(revisions).toEqual(revisions.map((_, index) => index));
  expect(revisions.length).toBeGreaterThan(1_200);
});
