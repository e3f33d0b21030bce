import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { accountDecider } from '../../src/accounts/domain/account.decider.js';
import { available } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { LedgerVerification } from '../../src/audit/verify-ledger.js';
import type { RawEvent } from '../../src/event-store/read-wire.js';
import { nano } from '../../src/kernel/credits.js';
import { Books } from '../support/account-books.js';
import { anyStep, knownFrom, type Step } from '../support/account-commands.js';
import { EVENT_TYPES } from '../support/account-event-types.js';
import { KEY } from '../support/account-story.js';
import { costOf, PRICE, pricesPublished, SealedStream } from '../support/sealed-stream.js';

const START = Date.UTC(2027, 11, 30, 22);
const openKey = { limit: undefined, limitReset: undefined, expiresAt: undefined } as const;

/** The deciders' random history, as a ledger holds it. */
function play([welcome, steps]: [number, Step[]]) {
  let account = accountDecider.initialState();
  const books = new Books();
  const stream = new SealedStream('account-a');
  const events: RawEvent[] = [];
  let clock = START;
  let commands = 0;
  const ask = (command: Parameters<typeof accountDecider.decide>[0]) => {
    const at = Math.max(clock, account.lastEventAt);
    const decision = accountDecider.decide(command, account, at);
    if ('rejection' in decision) return;
    commands += 1;
    for (const event of decision.events) {
      account = accountDecider.evolve(account, event, at);
      books.post(event, at);
      events.push(stream.add(event.type, recomputable(event), `command-${commands}`, at));
    }
    books.endStep();
  };
  ask({ type: 'OpenAccount', accountId: 'a', username: 'u', tier: 'free', welcomeCredits: nano(BigInt(welcome)) });
  ask({ type: 'IssueApiKey', keyId: KEY, secretHash: 'h', name: 'n', ...openKey });
  for (const step of steps) {
    if ('wait' in step) clock += step.wait;
    else if ('ask' in step) ask(step.ask(knownFrom(books, Math.max(clock, account.lastEventAt))));
  }
  return { account, events };
}

/** The stories' costs come from no usage: here they come from one that costs the same. */
const recomputable = ({ data }: AccountEvent): object =>
  'cost' in data ? { ...data, ...costOf(BigInt(data.cost.rounded)) } : data;

const histories = fc.tuple(fc.nat(30), fc.array(anyStep, { minLength: 20, maxLength: 90, size: 'max' }));
const runs = { numRuns: 400 };

test('whatever the rules let happen passes the audit, and both come to the same figures', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const { account, events } = play(history);
      const verification = new LedgerVerification();
      verification.take(new SealedStream(PRICE.stream).add('PricesPublished', pricesPublished, 'p', START));
      for (const event of events) {
        seen.add(event.type);
        verification.take({ ...event, position: event.position + 100n });
      }
      const report = await verification.end(() => reread(events), account.lastEventAt);
      expect(report.problems).toEqual([]);
      expect(report.figures.receivable).toBe(account.receivable);
      expect(report.figures.available).toBe(available(account, account.lastEventAt));
      expect(report.reservations.open).toBe(account.reservations.size);
    }),
    runs,
  );
  // A history in which an event never happens would have shown nothing about it.
  expect([...seen].sort()).toEqual([...EVENT_TYPES].sort());
});

async function* reread(events: readonly RawEvent[]): AsyncGenerator<RawEvent> {
  for (const event of events) yield { ...event, position: event.position + 100n };
}
