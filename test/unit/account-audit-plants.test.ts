/** Events that must not be, forged by somebody who can seal them: each is found, by the number of the rule that it breaks. */
import { describe, expect, test } from '@jest/globals';
import { LedgerVerification } from '../../src/audit/verify-ledger.js';
import { Claim, call, HOUR, iso, opened, type Parts, parts, START } from '../support/claimed-account.js';
import { costOf, PRICE, pricesPublished, SealedStream } from '../support/sealed-stream.js';

async function rulesBroken(claim: Claim): Promise<string[]> {
  const verification = new LedgerVerification();
  verification.take(new SealedStream(PRICE.stream, before).add('PricesPublished', pricesPublished, 'p', START));
  for (const event of claim.events) verification.take(event);
  const { problems } = await verification.end(async function* () {
    yield* claim.events;
  }, claim.at);
  const last = claim.events.at(-1);
  expect(problems.every(({ stream }) => stream === last?.stream)).toBe(true);
  return [...new Set(problems.map(({ rule }) => rule))].sort();
}
const before = { revision: -1n, hash: '0'.repeat(64), position: 0n };

const soon = { expiresAt: iso(START + 5 * HOUR) };
const owing = () =>
  opened()
    .granted('A', 10)
    .reserved('r', { A: 10 })
    .settled('r', { A: 10 }, {}, { ...costOf(15n), shortfall: '5' });
const dispute = (lots: Parts, claimed: number) => ({
  disputeId: 'd',
  paymentId: 'p-A',
  claimed: `${claimed}`,
  lots: parts(lots),
});
const frozen = () =>
  opened()
    .bought('A', 100)
    .add('LotsFrozen', dispute({ A: 100 }, 100));
const adjusted = (lines: Parts, requestedBy = 'ann', approvedBy = 'bob') => ({
  adjustmentId: 'j',
  lines: parts(lines),
  requestedBy,
  approvedBy,
  reason: 'x',
});

const sound: [string, () => Claim][] = [
  ['a call', () => opened().granted('A', 100).reserved('r', { A: 80 }).settled('r', { A: 50 }, { A: 30 })],
  ['a shortfall, repaid', () => owing().bought('B', 20).also('ShortfallRepaid', { lotId: 'B', amount: '5' })],
  [
    'a late settlement',
    () =>
      opened()
        .granted('A', 100)
        .reserved('r', { A: 80 })
        .released('r', { A: 80 })
        .settled('r', { A: 50 }, {}, {}, 'LateSettlementRecorded'),
  ],
  ['a refund', () => opened().granted('A', 100).reserved('r', { A: 80 }).settled('r', { A: 80 }).refunded('r', { A: 80 })],
  ['a dispute lost', () => frozen().add('CreditsClawedBack', { disputeId: 'd', lots: parts({ A: 100 }), receivable: '0' })],
  ['a dispute won', () => frozen().add('LotsUnfrozen', { disputeId: 'd', lots: parts({ A: 100 }) })],
  [
    'an adjustment',
    () =>
      opened()
        .granted('A', 100)
        .add('CreditsAdjusted', adjusted({ A: -10 })),
  ],
];

const planted: [string, string, () => Claim][] = [
  ['1', 'a hold beyond what is free', () => opened().granted('A', 100).reserved('r', { A: 80 }).reserved('s', { A: 30 })],
  ['1 2', 'a lot granted twice', () => opened().granted('A', 100).granted('A', 100, { grantId: 'other' })],
  [
    '1',
    'more expires than is free',
    () => opened().granted('A', 100, soon).add('CreditsExpired', { lotId: 'A', amount: '101' }, 'x', 9),
  ],
  [
    '1',
    'more is adjusted away than is free',
    () =>
      opened()
        .granted('A', 10)
        .add('CreditsAdjusted', adjusted({ A: -11 })),
  ],
  ['1', 'a frozen lot is refunded in cash', () => frozen().add('TopUpRefunded', cashOf(10))],
  ['2', 'a reservation while the account owes', () => owing().granted('B', 20).reserved('s', { B: 5 })],
  ['2', 'a paid lot that does not repay', () => owing().bought('B', 20)],
  ['2', 'more is repaid than is owed', () => owing().bought('B', 20).also('ShortfallRepaid', { lotId: 'B', amount: '6' })],
  ['2', 'a free lot repays', () => owing().granted('B', 20).also('ShortfallRepaid', { lotId: 'B', amount: '5' })],
  ['3', 'a reservation settled twice', () => held().settled('r', { A: 80 }).settled('r', { A: 20 })],
  ['3', 'a reservation released after it was settled', () => held().settled('r', { A: 80 }).released('r', { A: 80 })],
  ['3', 'a settlement of what was never reserved', () => opened().granted('A', 100).settled('x', { A: 5 })],
  ['3', 'a reservation made twice', () => held().released('r', { A: 80 }).reserved('r', { A: 80 })],
  [
    '3',
    'a late settlement of what was settled',
    () => held().settled('r', { A: 80 }).settled('r', { A: 5 }, {}, {}, 'LateSettlementRecorded'),
  ],
  ['3', 'a late settlement made twice', () => late().settled('r', { A: 5 }, {}, {}, 'LateSettlementRecorded')],
  ['3', 'an extension of what has ended', () => held().settled('r', { A: 80 }).add('ReservationExtended', extension({}))],
  ['2 4', 'a debit of more than the cost', () => held().settled('r', { A: 80 }, {}, costOf(50n))],
  ['4', 'a release of more than was held', () => held().settled('r', { A: 50 }, { A: 40 })],
  ['4', 'a release that keeps something back', () => held().released('r', { A: 70 })],
  ['2 4', 'holds that are not what was reserved', () => opened().granted('A', 100).reserved('r', { A: 80 }, { amount: '90' })],
  ['1 5', "a debit from another reservation's hold", () => both().settled('r', { A: 40, B: 20 })],
  ['5', 'a hold that skips an earlier lot', () => two().reserved('r', { B: 10 })],
  [
    '5',
    'a debit that skips an earlier hold',
    () => two().reserved('r', { A: 50, B: 10 }).settled('r', { B: 10, A: 30 }, { A: 20 }),
  ],
  ['5', 'a shortfall while credits are free', () => held().settled('r', { A: 80 }, {}, { ...costOf(85n), shortfall: '5' })],
  ['6', 'a debit after expiry and after settleBy', () => pinned().add('TierChanged', tier, 'x', 20).settled('r', { A: 80 })],
  [
    '6',
    'a hold of an expired lot',
    () => opened().granted('A', 100, soon).add('TierChanged', tier, 'x', 9).reserved('r', { A: 10 }),
  ],
  ['6', 'an expiry before its time', () => opened().granted('A', 100).add('CreditsExpired', { lotId: 'A', amount: '1' })],
  [
    '6',
    'what comes back to an expired lot does not expire',
    () => pinned().add('TierChanged', tier, 'x', 3).settled('r', { A: 50 }, { A: 30 }),
  ],
  ['7', 'a cost that the usage does not make', () => held().settled('r', { A: 80 }, {}, { usage: costOf(79n).usage })],
  ['7', 'a price version that was never published', () => held().settled('r', { A: 80 }, {}, { priceVersion: 'm@2' })],
  [
    '7',
    'a cost that was rounded down',
    () => held().settled('r', { A: 80 }, {}, { cost: { ...costOf(80n).cost, exact: '80001' } }),
  ],
  ['7', 'a line at another price', () => held().settled('r', { A: 80 }, {}, { cost: { ...costOf(80n).cost, lines: [] } })],
  [
    '8',
    'a command that has its effect twice',
    () => opened().granted('A', 5).add('TierChanged', tier, 'c3').granted('B', 5).add('TierChanged', back, 'c3'),
  ],
  ['8', 'a grant made twice', () => opened().granted('A', 5).granted('B', 5, { grantId: 'g-A' })],
  ['8', 'a payment that buys twice', () => opened().bought('A', 5).bought('B', 5, { paymentId: 'p-A' })],
  ['11', 'an event of an unknown type', () => opened().add('CreditsInvented', { amount: '5' })],
  ['11', 'an amount that is none', () => opened().granted('A', Number.NaN)],
  ['K', "a reservation beyond the key's limit", () => opened(50).granted('A', 100).reserved('r', { A: 51 })],
  [
    'K',
    'a reservation with a revoked key',
    () => opened().granted('A', 9).add('ApiKeyRevoked', { keyId: 'k' }).reserved('r', { A: 1 }),
  ],
  ['R', 'a refund of more than was paid', () => held().settled('r', { A: 80 }).refunded('r', { A: 81 })],
  ['R', 'a second refund of the same', () => held().settled('r', { A: 80 }).refunded('r', { A: 80 }).refunded('r', { A: 1 })],
  ['R', 'a refund to a lot that did not pay', () => held().settled('r', { A: 80 }).granted('B', 5).refunded('r', { B: 10 })],
  [
    'R',
    'a refund to the lot that paid first',
    () => two().reserved('r', { A: 50, B: 10 }).settled('r', { A: 50, B: 10 }).refunded('r', { A: 10 }),
  ],
  [
    'R',
    'cash beyond the price',
    () =>
      opened()
        .bought('A', 100)
        .add('TopUpRefunded', { ...cashOf(10), cash: '11' }),
  ],
  ['2 R', 'a waiver of more than is owed', () => owing().refunded('r', {}, { amount: '6', waived: '6' })],
  [
    'R',
    'a new lot that is not granted',
    () => expiredAfterUse().refunded('r', {}, { amount: '80', regranted: '80', intoExpired: 'goodwill' }),
  ],
  [
    'D',
    'a dispute that claims more than was paid',
    () =>
      opened()
        .bought('A', 100)
        .add('LotsFrozen', dispute({ A: 100 }, 101)),
  ],
  [
    'D',
    'a dispute that ends twice',
    () =>
      frozen()
        .add('LotsUnfrozen', won)
        .add('LotsUnfrozen', { ...won, lots: [] }),
  ],
  ['D', 'a dispute lost for more than was claimed', () => frozen().add('CreditsClawedBack', { ...won, receivable: '1' })],
  [
    'A',
    'an adjustment by one person',
    () =>
      opened()
        .granted('A', 10)
        .add('CreditsAdjusted', adjusted({ A: 5 }, 'ann', 'ann')),
  ],
];

const tier = { from: 'free', to: 'premium' };
const back = { from: 'premium', to: 'free' };
const won = { disputeId: 'd', lots: parts({ A: 100 }) };
const cashOf = (amount: number) => ({
  refundId: 'f',
  paymentId: 'p-A',
  lotId: 'A',
  amount: `${amount}`,
  cash: `${amount}`,
  currency: 'USD',
});
const held = () => opened().granted('A', 100).reserved('r', { A: 80 });
const late = () => held().released('r', { A: 80 }).settled('r', { A: 5 }, {}, {}, 'LateSettlementRecorded');
const two = () => opened().granted('A', 50).granted('B', 100, { priority: 60 });
const both = () => two().reserved('r', { A: 40 }).reserved('s', { A: 10, B: 90 });
const pinned = () => opened().granted('A', 100, soon).reserved('r', { A: 80 });
const expiredAfterUse = () => pinned().settled('r', { A: 80 }).add('CreditsExpired', { lotId: 'A', amount: '20' }, 'x', 9);
const extension = (holds: Parts) => ({ ...call('r'), amount: '0', holds: parts(holds), settleBy: iso(START + 90 * HOUR) });

/** More calls than the first reading remembers: what is said about the oldest needs the second. */
const longAgo = () => {
  const claim = opened().granted('A', 1_000_000).reserved('r', { A: 80 }).settled('r', { A: 80 });
  claim.reserved('q', { A: 80 }).released('q', { A: 80 });
  for (let index = 0; index < 600; index++) claim.reserved(`n${index}`, { A: 2 }).settled(`n${index}`, { A: 2 });
  return claim;
};
sound.push(
  ['a refund of a call long ago', () => longAgo().refunded('r', { A: 80 })],
  ['a late settlement of one released long ago', () => longAgo().settled('q', { A: 5 }, {}, {}, 'LateSettlementRecorded')],
);
planted.push(
  ['3', 'a call long ago settled again', () => longAgo().settled('r', { A: 5 })],
  ['3', 'a reservation long ago made again', () => longAgo().reserved('r', { A: 5 })],
  ['R', 'a refund of more than a call long ago', () => longAgo().refunded('r', { A: 81 })],
);

describe('nothing is found in', () => {
  test.each(sound)('%s', async (_name, claim) => {
    expect(await rulesBroken(claim())).toEqual([]);
  });
});

describe('by its rule is found', () => {
  test.each(planted)('%s: %s', async (rule, _name, claim) => {
    expect(await rulesBroken(claim())).toEqual(rule.split(' '));
  });
});
