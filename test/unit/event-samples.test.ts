/** Every event ever written still decodes: `test/samples` holds one or more of each version, which are added and never edited. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import { available } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { KnownAccount } from '../../src/accounts/known-account.js';
import { disputeDecider } from '../../src/disputes/domain/dispute.decider.js';
import { eventId, GENESIS_HASH, hashEvent, seal } from '../../src/event-store/envelope.js';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import { formatCredits } from '../../src/kernel/credits.js';
import { BookedModel, StreamHead } from '../../src/pricing/booked-model.js';
import { costOf, costToJson } from '../../src/pricing/domain/cost.js';
import { reconciliations } from '../../src/reconciliation/domain/reconcile.js';
import { repricingDecider } from '../../src/repricing/domain/repricing.js';
import { Books } from '../support/account-books.js';

const textOf = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const samplesIn = (file: string): StoredEvent[] =>
  (JSON.parse(textOf(`test/samples/${file}`)) as (Omit<StoredEvent, 'revision'> & { revision: string })[]).map(
    (event, index) => ({
      ...event,
      revision: BigInt(event.revision),
      position: BigInt(index),
    }),
  );

const ACCOUNTS = samplesIn('account-events.json');
const ACCOUNT = ACCOUNTS.filter(({ stream }) => stream === 'account-sample01');
const MANAGED = ACCOUNTS.filter(({ stream }) => stream === 'account-sample02');
const PRICES = samplesIn('price-events.json');
const PERIODS = samplesIn('period-events.json');
const DISPUTES = samplesIn('dispute-events.json');
const REPRICINGS = samplesIn('repricing-events.json');
const RECONCILIATIONS = samplesIn('reconciliation-events.json');
const ALL = [...ACCOUNTS, ...PRICES, ...PERIODS, ...DISPUTES, ...REPRICINGS, ...RECONCILIATIONS];

/** The names of the events that a file of the source declares, so that a new one without a sample is found. */
const declaredIn = (path: string): string[] =>
  [...textOf(path).matchAll(/^export interface (\w+) \{\n {2}readonly type: '(\w+)';/gm)].map(([, , type]) => type as string);

describe.each([
  ['account', ACCOUNTS, 'src/accounts/domain/accounts.events.ts'],
  ['price', PRICES, 'src/pricing/domain/pricing.events.ts'],
  ['period', PERIODS, 'src/periods/domain/periods.events.ts'],
  ['dispute', DISPUTES, 'src/disputes/domain/disputes.events.ts'],
  ['repricing', REPRICINGS, 'src/repricing/domain/repricing.events.ts'],
  ['reconciliation', RECONCILIATIONS, 'src/reconciliation/domain/reconciliation.events.ts'],
])('the samples of %s events', (_, samples, source) => {
  test('have every event that the source declares, and no other', () => {
    expect([...new Set(samples.map(({ type }) => type))].sort()).toEqual(declaredIn(source).sort());
  });

  test('are whole: ids, hashes and chains verify, and the bytes that are written today are the same', () => {
    const heads = new Map<string, { previousHash: string; revision: bigint }>();
    for (const { id, stream, revision, type, data, metadata } of samples) {
      const { hash, ...envelope } = metadata;
      const { schemaVersion, previousHash, index, occurredAt, ...cause } = envelope;
      const before = heads.get(stream) ?? { previousHash: GENESIS_HASH, revision: -1n };
      expect([stream, previousHash, revision]).toEqual([stream, before.previousHash, before.revision + 1n]);
      const event = { type, data: data as object };
      expect([id, hash]).toEqual([eventId(hash), hashEvent({ stream, revision, ...event }, envelope)]);
      expect(seal({ stream, revision, previousHash }, event, cause, index, occurredAt, schemaVersion)).toEqual({
        id,
        type,
        hash,
        dataJson: canonicalize(data),
        metadataJson: canonicalize(metadata),
      });
      heads.set(stream, { previousHash: hash, revision });
    }
  });
});

test('no sample was edited', () => {
  const last = new Map(ALL.map(({ stream, metadata }) => [stream, metadata.hash]));
  expect(Object.fromEntries(last)).toEqual({
    'account-sample01': '28d5fd0d590c98e1e94a8d3ac38f5595f5fd4c6c2f54d9b87822d51c23679c0b',
    'account-sample02': 'c4454689cbe4e415a4185747947b7b54bc68d104459689e678de1d21fd9d5972',
    'dispute-sample-1': '92e0d4c010a17f7d76fc58ec0548295b9c94d796c92c238ffcecc63a2108ce83',
    'dispute-sample-2': '93f99105216f9b40aec012beaff494ba6e57e2d755885674d1fc19a2a363fe8e',
    'dispute-sample-3': '3960f75084cad4ededd5294d4b4e5883afc7206e4afb6390ff69fa3b18b29691',
    'period-closings': '06ea80cceea386c989977a7a6c9dd098d655d4415554c0ebed508ab977ccbda3',
    'reconciliation-demo-2026-11-22': '78212ac476da63a41ef7c6d4888bb7d0bb0a3a37f4817b94a4cf5e1e5e822252',
    'repricing-@0e244e75968dbfc747b53cc2': '5d227bc156451e3b1cde0bfb61f6abaefab0f66249e0e5ce90bcfb0c8fc249ae',
    'repricing-sample-1': 'f12fae827142e3c92d8aceb64df3ed296a9ab4ef52030648625cbe2ecb609c43',
    'repricing-sample-2': 'ade8ec74581777b69d0216be99c1a3444e883c185ae88e3c59a3245ae4a41c3f',
    models: '89717d80ea2a7e9c1865f52fa5daa034b18fc7bd4ede1ad3e61a5c6bed6797b8',
    'price-acme/large': '74c9d44dd576c7a70bd8e7bae4a3ea729259919c1ad9d0330dc4a79ea86f88d7',
  });
});

describe('the sampled account', () => {
  const factOf = ({ type, data }: StoredEvent) => ({ type, data }) as AccountEvent;

  test('folds into its figures', () => {
    const known = new KnownAccount('sample01');
    for (const event of ACCOUNT) known.fold(event);
    const { account } = known;
    expect([account.accountId, account.username, account.tier]).toEqual(['sample01', 'acme', 'enterprise']);
    const figures = [...account.lots.values()].map(({ lotId, remaining, held, frozen }) => [
      lotId,
      formatCredits(remaining),
      held,
      frozen,
    ]);
    expect(figures).toEqual([
      ['lot-4', '0.016373734', 0n, 0n],
      ['lot-5', '1', 0n, 0n],
    ]);
    expect(formatCredits(account.receivable)).toBe('1.65');
    expect(available(account, account.lastEventAt)).toBe(0n);
    const keys = [...account.keys.values()].map((key) => [
      key.name,
      formatCredits(key.spent),
      key.held,
      key.revoked,
      key.limitReset,
    ]);
    expect(keys).toEqual([
      ['default', '1.519538734', 0n, false, undefined],
      ['nightly batch', '1.65', 0n, true, 'weekly'],
    ]);
    expect([account.grants.size, account.refunds.size, account.cashRefunds.size, account.adjustments.size]).toEqual([5, 2, 1, 1]);
    expect([...account.disputes.values()].map(({ status }) => status)).toEqual(['won', 'lost']);
    expect([account.reservations.size, account.closed.recent.size]).toEqual([0, 4]);
  });

  test('breaks no rule', () => {
    const books = new Books();
    for (const event of ACCOUNT) {
      if (event.metadata.index === 0) books.endStep();
      books.post(factOf(event), Date.parse(event.metadata.occurredAt));
    }
    books.endStep();
    expect([books.owed, books.cost]).toEqual([1_650_000_000n, 3_169_538_734n]);
  });
});

test('the sampled keys fold into their kinds, disabled and enabled again', () => {
  const known = new KnownAccount('sample02');
  const seen = MANAGED.map((event) => {
    known.fold(event);
    return [...known.account.keys.values()].map(({ name, kind, disabled, revoked }) => [name, kind, disabled, revoked]);
  });
  const manager = ['operations', 'management', false, false];
  const worker = (disabled: boolean) => ['worker', 'inference', disabled, false];
  expect(seen).toEqual([[], [manager], [manager, worker(false)], [manager, worker(true)], [manager, worker(false)]]);
});

test('the sampled model has the prices that were published, and what was charged at them costs the same today', () => {
  const [listed] = PRICES as [StoredEvent<{ model: string }>];
  expect(new StreamHead().take(listed)).toBe(true);
  const booked = new BookedModel(listed.data.model);
  for (const event of PRICES.slice(1)) booked.apply(event);
  const priceAt = (time: string) => booked.inForce(Date.parse(time));
  expect(priceAt('2026-10-31T23:59:59.999Z')?.priceVersion).toBe('acme/large@1');
  const current = priceAt('2026-11-01T00:00:00.000Z');
  expect([current?.priceVersion, current?.pricing.overrides?.length, current?.aliases]).toEqual(['acme/large@2', 1, []]);
  const charged = ACCOUNT.map(({ type, data }) => ({ type, data }) as AccountEvent).flatMap((event) =>
    event.type === 'ReservationSettled' || event.type === 'LateSettlementRecorded' ? [event.data] : [],
  );
  expect(charged).toHaveLength(4);
  for (const { cost, usage, priceVersion, formulaVersion } of charged) {
    expect([priceVersion, formulaVersion]).toEqual([current?.priceVersion, current?.formulaVersion]);
    expect(current && costToJson(costOf(usage.classes, current.prices))).toEqual(cost);
  }
});

describe('the sampled cases fold into what became of them', () => {
  /** The state behind the last event of a stream. */
  function folded<State>(
    samples: readonly StoredEvent[],
    stream: string,
    { initialState, evolve }: { initialState(): State; evolve(state: State, event: never, at: number): State },
  ): State {
    return samples
      .filter((event) => event.stream === stream)
      .reduce(
        (state, { type, data, metadata }) => evolve(state, { type, data } as never, Date.parse(metadata.occurredAt)),
        initialState(),
      );
  }

  test('disputes', () => {
    const cases = [1, 2, 3].map((n) => folded(DISPUTES, `dispute-sample-${n}`, disputeDecider));
    expect(cases.map(({ status, round, sealed }) => [status, round, sealed.size])).toEqual([
      ['refunded', 2, 1],
      ['needs_response', 1, 0],
      ['under_review', 1, 1],
    ]);
    expect(cases[0]?.carriedOut?.effects.map(({ effect }) => effect)).toEqual(['refunded']);
  });

  test('repricings', () => {
    const cases = [1, 2].map((n) => folded(REPRICINGS, `repricing-sample-${n}`, repricingDecider));
    expect(cases.map(({ calls, approvedBy }) => [calls.length, approvedBy])).toEqual([
      [1, 'staff:4'],
      [1, undefined],
    ]);
  });

  test('reconciliations', () => {
    const { imported, compared } = folded(RECONCILIATIONS, 'reconciliation-demo-2026-11-22', reconciliations);
    expect([imported.size, compared.size]).toEqual([1, 1]);
  });
});
