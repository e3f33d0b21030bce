import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { given, grant, HOUR, release, reserve, type Story, settle } from '../support/account-story.js';

/** One step of a random history; numbers are small so that expiry, exhaustion and repetition all happen. */
const step = fc.oneof(
  fc.record({
    do: fc.constant('grant' as const),
    id: fc.nat(6),
    amount: fc.bigInt(1n, 60n),
    expiresIn: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    priority: fc.nat(2),
    paid: fc.boolean(),
  }),
  fc.record({ do: fc.constant('reserve' as const), id: fc.nat(8), amount: fc.bigInt(0n, 50n) }),
  fc.record({ do: fc.constant('settle' as const), id: fc.nat(8), cost: fc.bigInt(0n, 70n) }),
  fc.record({ do: fc.constant('release' as const), id: fc.nat(8) }),
  fc.record({ do: fc.constant('expire' as const) }),
  fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 0, max: 3 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The ledger kept a second time, from the events alone and by other arithmetic. */
class Books {
  granted = 0n;
  spent = 0n;
  expired = 0n;
  cost = 0n;
  receivable = 0n;
  readonly held = new Map<string, bigint>();

  post(event: AccountEvent): void {
    const sum = (list: readonly { amount: string }[]) => list.reduce((total, { amount }) => total + BigInt(amount), 0n);
    switch (event.type) {
      case 'CreditsGranted':
        this.granted += BigInt(event.data.amount);
        break;
      case 'CreditsReserved':
        expect(sum(event.data.holds)).toBe(BigInt(event.data.amount));
        expect(this.held.has(event.data.reservationId)).toBe(false);
        this.held.set(event.data.reservationId, BigInt(event.data.amount));
        break;
      case 'ReservationSettled': {
        const cost = BigInt(event.data.cost.rounded);
        const hold = this.held.get(event.data.reservationId) as bigint;
        expect(sum(event.data.debits) + BigInt(event.data.shortfall)).toBe(cost);
        expect(sum(event.data.debits) + sum(event.data.releases)).toBe(
          sum(event.data.debits) > hold ? sum(event.data.debits) : hold,
        );
        this.held.delete(event.data.reservationId);
        this.spent += sum(event.data.debits);
        this.cost += cost;
        this.receivable += BigInt(event.data.shortfall);
        break;
      }
      case 'ReservationReleased':
        expect(sum(event.data.releases)).toBe(this.held.get(event.data.reservationId));
        this.held.delete(event.data.reservationId);
        break;
      case 'CreditsExpired':
        this.expired += BigInt(event.data.amount);
        break;
      case 'ShortfallRepaid':
        this.spent += BigInt(event.data.amount);
        this.receivable -= BigInt(event.data.amount);
        break;
      default:
        break;
    }
  }
}

function take(story: Story, now: number, one: Exclude<Step, { do: 'wait' }>): void {
  switch (one.do) {
    case 'grant': {
      const expiresAt = one.expiresIn === undefined ? {} : { expiresAt: now + one.expiresIn * HOUR };
      story.asked(grant(`g${one.id}`, one.amount, { kind: one.paid ? 'top_up' : 'promo', priority: one.priority, ...expiresAt }));
      break;
    }
    case 'reserve':
      story.asked(reserve(`r${one.id}`, one.amount));
      break;
    case 'settle':
      story.asked(settle(`r${one.id}`, one.cost));
      break;
    case 'release':
      story.asked(release(`r${one.id}`));
      break;
    case 'expire':
      story.asked({ type: 'ExpireCredits' });
      break;
  }
}

describe('whatever is asked of an account, in whatever order', () => {
  test('nothing is made or lost, no lot is overdrawn, and nothing that sorts earlier is skipped', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const story = given();
        const books = new Books();
        let now = 0;
        for (const one of steps) {
          if (one.do === 'wait') {
            now += one.hours * HOUR;
            continue;
          }
          const before = story.at(now).available();
          take(story, now, one);
          for (const event of story.last) books.post(event);

          const lots = [...story.account.lots.values()];
          for (const lot of lots) expect(lot.held <= lot.remaining).toBe(true);
          const remaining = lots.reduce((total, lot) => total + lot.remaining, 0n);
          const held = lots.reduce((total, lot) => total + lot.held, 0n);
          expect(books.granted).toBe(remaining + books.spent + books.expired);
          expect(held).toBe([...books.held.values()].reduce((total, amount) => total + amount, 0n));
          expect(story.account.receivable).toBe(books.receivable);
          expect(books.cost).toBe(books.spent + books.receivable);
          if (one.do === 'reserve' && story.last.length > 0) {
            expect(story.available()).toBe(before - one.amount);
            expectInOrder(story);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** Each lot that a reservation holds from is used up before the next in order is touched. */
function expectInOrder(story: Story): void {
  const [reserved] = story.last;
  if (reserved?.type !== 'CreditsReserved') return;
  const order = [...story.account.lots.keys()];
  const { holds } = reserved.data;
  holds.forEach((hold, index) => {
    const lot = story.account.lots.get(hold.lotId);
    const next = holds[index + 1];
    if (next) {
      expect(lot?.remaining).toBe(lot?.held);
      expect(order.indexOf(hold.lotId)).toBeLessThan(order.indexOf(next.lotId));
    }
  });
}
