import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type AccountCommand, type AccountRejection, accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, available, spentInWindow } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { nano } from '../../src/kernel/credits.js';
import { Books } from '../support/account-books.js';
import { anyStep, knownFrom, type Step } from '../support/account-commands.js';
import { EVENT_TYPES } from '../support/account-event-types.js';
import { type Figures, ModelAccount } from '../support/account-model.js';
import { KEY } from '../support/account-story.js';

/** Two hours before the last day of 2027; a Monday, a month's end and a year's end are within a week of it. */
const START = Date.UTC(2027, 11, 30, 22);

/** What the rules may be asked in tests: bigints become numbers, so that both sides can be compared. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part)));

/** The same history for the code, for the model and for the books. */
class Trial {
  account: Account = accountDecider.initialState();
  readonly model = new ModelAccount();
  readonly books = new Books();
  readonly events: { event: AccountEvent; at: number }[] = [];
  readonly reasons: string[] = [];
  private readonly asked: (() => AccountCommand)[] = [];
  private clock = START;

  constructor(welcome: number) {
    this.ask({ type: 'OpenAccount', accountId: 'a', username: 'u', tier: 'free', welcomeCredits: nano(BigInt(welcome)) });
    this.ask({
      type: 'IssueApiKey',
      keyId: KEY,
      secretHash: 'h',
      name: 'n',
      limit: undefined,
      limitReset: undefined,
      expiresAt: undefined,
    });
  }

  take(step: Step): void {
    if ('wait' in step) {
      this.clock += step.wait;
    } else if ('again' in step) {
      const earlier = this.asked.at(-step.again);
      if (earlier) this.ask(earlier());
    } else {
      // Asked again, a command is the same, but for the evidence that the stream gives then.
      const known = knownFrom(this.books, this.now);
      const command = () => step.ask({ ...known, paidFor: (id) => knownFrom(this.books, known.now).paidFor(id) });
      this.asked.push(command);
      this.ask(command());
    }
  }

  /** As the writer sees it: never before the last event. */
  get now(): number {
    return Math.max(this.clock, this.account.lastEventAt);
  }

  private ask(command: AccountCommand): void {
    const at = this.now;
    const decision = accountDecider.decide(command, this.account, at);
    const expected = this.model.ask(command, at);
    if ('rejection' in decision) {
      this.reasons.push(decision.rejection.reason);
      same([command, plain(decision.rejection)], [command, expected]);
      this.compare(at);
      return;
    }
    same([command, decision.events.length > 0 ? 'done' : 'nothing'], [command, expected]);
    for (const event of decision.events) {
      this.events.push({ event, at });
      this.books.post(event, at);
      this.account = accountDecider.evolve(this.account, event, at);
    }
    this.books.endStep();
    if (decision.events.length > 0) same(accountDecider.decide(command, this.account, at), { events: [] });
    this.compare(at);
  }

  /** The figures of the fold, of the model and of the books are the same. */
  private compare(at: number): void {
    const figures = figuresOf(this.account, at);
    const expected = this.model.figures(at);
    same(figures, { ...expected, lots: without(expected.lots) });
    const lots = [...this.books.lots.values()].map((lot) => [
      lot.id,
      {
        remaining: Number(this.books.remaining(lot)),
        held: Number(this.books.held(lot)),
        frozen: Number(this.books.frozen(lot)),
      },
    ]);
    same(without(Object.fromEntries(lots)), figures.lots);
    same([this.books.owed, this.books.available(at)], [this.account.receivable, available(this.account, at)]);
  }
}

/** `expect` takes its time: it is asked only for what it will tell about a difference. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

/** Lots that have anything in them; the fold forgets the others. */
const without = (lots: Figures['lots']): Figures['lots'] =>
  Object.fromEntries(Object.entries(lots).filter(([, { remaining, held }]) => remaining > 0 || held > 0));

const figuresOf = (account: Account, at: number): Figures => ({
  lots: Object.fromEntries(
    [...account.lots.values()].map(({ lotId, remaining, held, frozen }) => [
      lotId,
      { remaining: Number(remaining), held: Number(held), frozen: Number(frozen) },
    ]),
  ),
  keys: Object.fromEntries(
    [...account.keys.values()].map((key) => [key.keyId, { spent: Number(spentInWindow(key, at)), held: Number(key.held) }]),
  ),
  owed: Number(account.receivable),
  available: Number(available(account, at)),
  tier: account.tier,
});

const histories = fc.tuple(fc.nat(30), fc.array(anyStep, { minLength: 20, maxLength: 90, size: 'max' }));

function play([welcome, steps]: [number, Step[]]): Trial {
  const trial = new Trial(welcome);
  for (const step of steps) trial.take(step);
  return trial;
}

describe('whatever is asked of an account, in whatever order', () => {
  test('it answers and counts as the money rules say, and none of them is ever broken', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { account, events } = play(history);
        const again = events.reduce(
          (state, { event, at }) => accountDecider.evolve(state, event, at),
          accountDecider.initialState(),
        );
        same(again, account);
      }),
      { numRuns: 1_000 },
    );
  });

  test('the histories reach every event and every refusal', () => {
    const seen = new Set<string>();
    for (const history of fc.sample(histories, { seed: 7, numRuns: 400 })) {
      const { events, reasons } = play(history);
      for (const { event } of events) seen.add(event.type);
      for (const reason of reasons) seen.add(reason);
    }
    expect([...seen].sort()).toEqual([...EVENT_TYPES, ...REFUSALS].sort());
  });
});

/** All but `account_not_found`: the account is open here. */
const REFUSALS = [
  'account_exists',
  'key_exists',
  'key_not_found',
  'key_revoked',
  'reset_without_limit',
  'expiry_in_past',
  'grant_conflict',
  'payment_conflict',
  'key_not_usable',
  'reservation_conflict',
  'insufficient_credits',
  'key_limit_exceeded',
  'reservation_not_open',
  'reservation_not_overdue',
  'refund_conflict',
  'refund_exceeds_cost',
  'payment_not_found',
  'refund_exceeds_unused',
  'account_owes',
  'dispute_conflict',
  'dispute_exceeds_payment',
  'dispute_not_found',
  'dispute_ended',
  'adjustment_conflict',
  'approver_is_requester',
  'lot_not_found',
  'lot_expired',
  'adjustment_exceeds_free',
] as const satisfies readonly AccountRejection['reason'][];
