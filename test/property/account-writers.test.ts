/**
 * Several writers of one account on one real event store, each with a clock of its own, over a network that loses, delays and
 * repeats appends and takes writers away. What the stream says afterwards must be what was answered.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AccountWriter, type Answer, DEFAULT_LIMITS } from '../../src/accounts/account-writer.js';
import { type AccountCommand, accountDecider } from '../../src/accounts/domain/account.decider.js';
import { type Account, available, copyAccount } from '../../src/accounts/domain/account.js';
import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { eventId, GENESIS_HASH, hashEvent } from '../../src/event-store/envelope.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../../src/event-store/errors.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { Books } from '../support/account-books.js';
import { anyCommand, type Intent, knownFrom } from '../support/account-commands.js';
import { ModelAccount } from '../support/account-model.js';
import { grant, HOUR, issueKey, KEY } from '../support/account-story.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { APPEND_FAULTS, type Fault, FaultyStore } from '../support/faulty-store.js';

const START = Date.UTC(2027, 11, 30, 22);
/** Give up soon, so that outcomes that stay unknown to the caller are common. */
const LIMITS = { ...DEFAULT_LIMITS, retryForMs: 30 };
const WRITERS = 3;

let node: TemporaryNode;
let reader: EventStore;
beforeAll(async () => {
  node = await startTemporaryNode();
  reader = new EventStore(node.connectionString);
});
afterAll(async () => {
  await reader.close();
  await node.dispose();
});

/** One command of a caller, under one command id for ever, and what it was told each time it asked. */
interface Call {
  readonly id: string;
  readonly command: AccountCommand;
  readonly told: Told[];
}

/** An answer, the clock of the writer that gave it, and how long the stream was before it was asked for. */
interface Told {
  readonly answer: Answer | 'unknown';
  readonly clock: number;
  readonly from: number;
}

/** A writer's process: it has its own connection and its own clock. */
interface Process {
  readonly store: FaultyStore;
  readonly writer: AccountWriter;
}

const isUnanswered = ({ told }: Call): boolean => told.at(-1)?.answer === 'unknown';

/** Whose repetition may have another effect: they ask for a state or a span of time, not for something with a name. */
const NAMELESS: readonly AccountCommand['type'][] = ['ChangeTier', 'ChangeApiKey', 'ExpireCredits', 'ExtendReservation'];

class Trial {
  readonly calls: Call[] = [];
  readonly faults = new Set<Fault>();
  now = START;
  books = new Books();
  /** Of the stream, before the current burst. */
  length = 0;
  private processes: Process[] = [];
  private readonly skews: readonly number[];

  constructor(
    readonly accountId: string,
    skewsInHours: readonly number[],
  ) {
    this.skews = skewsInHours.map((hours) => hours * HOUR);
    this.processes = Array.from({ length: WRITERS }, (_, index) => this.start(index));
  }

  private start(index: number): Process {
    const store = new FaultyStore(node.connectionString);
    const clock = { now: () => this.now + (this.skews[index] ?? 0) };
    return { store, writer: new AccountWriter(store, clock, LIMITS) };
  }

  async ask(call: Call, index: number): Promise<void> {
    const { writer } = this.processes[index] as Process;
    const asked = { clock: this.now + (this.skews[index] ?? 0), from: this.length };
    const cause = { commandId: call.id, correlationId: 'test', actor: { type: 'system', id: 'test' } } as const;
    try {
      call.told.push({ ...asked, answer: await writer.execute(this.accountId, call.command, cause) });
    } catch (error) {
      if (!(error instanceof AppendOutcomeUnknown) && !(error instanceof EventStoreUnavailable)) throw error;
      call.told.push({ ...asked, answer: 'unknown' });
    }
  }

  call(intent: Intent): Call {
    return this.named(intent(knownFrom(this.books, this.now)));
  }

  named(command: AccountCommand): Call {
    const call = { id: `command-${this.calls.length}`, command, told: [] };
    this.calls.push(call);
    return call;
  }

  /** Commands at once, some of them through two writers, and with them what nobody could answer before. */
  async burst({ commands, faults, wait }: Burst): Promise<void> {
    this.now += wait;
    for (const { writer, fault } of faults) this.processes[writer]?.store.expect(fault);
    const unknown = this.calls.filter(isUnanswered);
    const asked = commands.flatMap(({ what, to, alsoTo }) => {
      const call = this.call(what.ask);
      return alsoTo === undefined ? [this.ask(call, to)] : [this.ask(call, to), this.ask(call, alsoTo)];
    });
    await Promise.all([...asked, ...unknown.map((call, index) => this.ask(call, index % WRITERS))]);
    await this.settle();
  }

  /** What is still on its way arrives, and whoever has died is followed by another. */
  private async settle(): Promise<void> {
    for (const [index, { store }] of this.processes.entries()) {
      await store.calm();
      for (const fault of store.happened) this.faults.add(fault);
      if (!store.isDead) continue;
      await store.close();
      this.processes[index] = this.start(index);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map(({ store }) => store.close()));
  }
}

interface Burst {
  readonly wait: number;
  readonly commands: readonly { what: { ask: Intent }; to: number; alsoTo: number | undefined }[];
  readonly faults: readonly { writer: number; fault: Fault }[];
}

async function read(accountId: string): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of reader.read(`account-${accountId}`)) events.push(event);
  return events;
}

function verifyChain(events: readonly StoredEvent[]): void {
  let previousHash = GENESIS_HASH;
  for (const [index, { id, type, stream, revision, data, metadata }] of events.entries()) {
    const { hash, ...envelope } = metadata;
    expect([revision, envelope.previousHash]).toEqual([BigInt(index), previousHash]);
    expect(hashEvent({ stream, revision, type, data: data as object }, envelope)).toBe(hash);
    expect(id).toBe(eventId(hash));
    previousHash = hash;
  }
}

const factOf = ({ type, data }: StoredEvent) => ({ type, data }) as AccountEvent;
const timeOf = ({ metadata }: StoredEvent) => Date.parse(metadata.occurredAt);

/** The events of a stream, those of one command together. */
function effectsOf(events: readonly StoredEvent[]): StoredEvent[][] {
  const effects: StoredEvent[][] = [];
  for (const event of events) {
    if (event.metadata.index === 0) effects.push([]);
    effects.at(-1)?.push(event);
  }
  return effects;
}

/** Replays the stream for the books, which check every rule, for the model, which must agree with every effect, and as a fold. */
function replay(events: readonly StoredEvent[], calls: readonly Call[]): { books: Books; account: Account } {
  const commands = new Map(calls.map(({ id, command }) => [id, command]));
  const books = new Books();
  const model = new ModelAccount();
  let account = accountDecider.initialState();
  for (const effect of effectsOf(events)) {
    const [first] = effect as [StoredEvent];
    expect(effect.map(({ metadata }) => [metadata.commandId, metadata.index])).toEqual(
      effect.map((_, index) => [first.metadata.commandId, index]),
    );
    const command = commands.get(first.metadata.commandId);
    if (!command) throw new Error(`nobody asked for ${first.metadata.commandId}`);
    expect([command, model.ask(command, timeOf(first))]).toEqual([command, 'done']);
    for (const event of effect) {
      books.post(factOf(event), timeOf(event));
      account = accountDecider.evolve(account, factOf(event), timeOf(event));
    }
    books.endStep();
  }
  const at = account.lastEventAt;
  const { lots, owed, available: modelled } = model.figures(at);
  for (const lot of books.lots.values()) {
    const { remaining, held, frozen } = account.lots.get(lot.id) ?? { remaining: 0n, held: 0n, frozen: 0n };
    expect([books.remaining(lot), books.held(lot), books.frozen(lot)]).toEqual([remaining, held, frozen]);
    expect(lots[lot.id]).toEqual({ remaining: Number(remaining), held: Number(held), frozen: Number(frozen) });
  }
  expect([books.owed, books.available(at)]).toEqual([account.receivable, available(account, at)]);
  expect([owed, modelled]).toEqual([Number(books.owed), Number(books.available(at))]);
  return { books, account };
}

/** What is there is what was answered: all of it, and once. */
function compare(events: readonly StoredEvent[], account: Account, calls: readonly Call[]): void {
  const effects = effectsOf(events);
  for (const { id, command, told } of calls) {
    const stored = effects.filter(([first]) => first?.metadata.commandId === id).map((effect) => effect.map(factOf));
    const answered = told.flatMap(({ answer }) => (answer !== 'unknown' && answer.events.length > 0 ? [answer.events] : []));
    // Every acknowledged effect is stored. Two writers that decide alike at one revision write the same event: both have done it.
    for (const effect of answered) expect(stored).toContainEqual(JSON.parse(JSON.stringify(effect)));
    // What is stored was acknowledged, or is there at most once for every answer that did not come.
    const unexplained = stored.filter(
      (one) => !answered.some((effect) => isDeepStrictEqual(one, JSON.parse(JSON.stringify(effect)))),
    );
    const unknown = told.filter(({ answer }) => answer === 'unknown').length;
    expect([command, unexplained.length <= unknown]).toEqual([command, true]);
    if (NAMELESS.includes(command.type)) continue;
    expect([command, stored.length <= 1]).toEqual([command, true]);
    // Whatever was once answered as done is done for ever. Made again is refused: a reservation that has ended, an account whose
    // tier is another one by now.
    const isDone = told.some(({ answer }) => answer !== 'unknown' && answer.rejection === undefined);
    if (!isDone || command.type === 'ReserveCredits' || command.type === 'OpenAccount') continue;
    expect([command, accountDecider.decide(command, account, account.lastEventAt)]).toEqual([command, { events: [] }]);
  }
}

/**
 * Nobody was refused, nor told that it had been done before, by what the account was not: some state that it had since the
 * question gives that answer.
 */
function expectTimely(events: readonly StoredEvent[], calls: readonly Call[], from: number): void {
  const states: { readonly state: Account; readonly length: number }[] = [];
  let state = accountDecider.initialState();
  let length = 0;
  for (const effect of effectsOf(events)) {
    if (length >= from) states.push({ state: copyAccount(state), length });
    for (const event of effect) state = accountDecider.evolve(state, factOf(event), timeOf(event));
    length += effect.length;
  }
  states.push({ state, length });
  for (const { command, told } of calls) {
    for (const { answer, clock, from: asked } of told) {
      if (answer === 'unknown' || answer.events.length > 0 || asked !== from) continue;
      // That a state is as it was asked to be may rest on what this writer knew last.
      if (NAMELESS.includes(command.type) && !answer.rejection) continue;
      const expected = answer.rejection ? { rejection: answer.rejection } : { events: [] };
      const isTimely = states.some((one) =>
        isDeepStrictEqual(accountDecider.decide(command, one.state, Math.max(clock, one.state.lastEventAt)), expected),
      );
      expect([command, expected, isTimely]).toEqual([command, expected, true]);
    }
  }
}

const burst: fc.Arbitrary<Burst> = fc.record({
  wait: fc.integer({ min: -1, max: 2 }).map((hours) => hours * HOUR),
  commands: fc.array(
    fc.record({
      what: anyCommand,
      to: fc.nat(WRITERS - 1),
      alsoTo: fc.option(fc.nat(WRITERS - 1), { nil: undefined, freq: 4 }),
    }),
    { minLength: 3, maxLength: 12, size: 'max' },
  ),
  faults: fc.array(
    fc.record({
      writer: fc.nat(WRITERS - 1),
      fault: fc.constantFrom<Fault>(...APPEND_FAULTS, 'lost after', 'late', 'read breaks off'),
    }),
    { maxLength: 5, size: 'max' },
  ),
});
const trials = fc.record({
  skews: fc.array(fc.integer({ min: -1, max: 1 }), { minLength: WRITERS, maxLength: WRITERS }),
  bursts: fc.array(burst, { minLength: 3, maxLength: 7, size: 'max' }),
});

let accounts = 0;

describe('several writers of one account, over a network that misbehaves', () => {
  test('every acknowledged effect is there once, what was not acknowledged at most once, and the money rules hold', async () => {
    const faults = new Set<Fault>();
    await fc.assert(
      fc.asyncProperty(trials, async ({ skews, bursts }) => {
        accounts += 1;
        const trial = new Trial(`trial${String(accounts).padStart(4, '0')}`, skews);
        try {
          const { accountId } = trial;
          await trial.ask(trial.named({ type: 'OpenAccount', accountId, username: 'u', tier: 'free' }), 0);
          await trial.ask(trial.named(issueKey(KEY)), 0);
          await trial.ask(trial.named(grant('first', 200n)), 0);
          for (const each of [...bursts, CALM, CALM]) {
            await trial.burst(each);
            const events = await read(accountId);
            verifyChain(events);
            const { books, account } = replay(events, trial.calls);
            compare(events, account, trial.calls);
            expectTimely(events, trial.calls, trial.length);
            trial.books = books;
            trial.length = events.length;
          }
          // Without faults every question is answered in the end.
          expect(trial.calls.filter(isUnanswered)).toEqual([]);
          for (const fault of trial.faults) faults.add(fault);
        } finally {
          await trial.close();
        }
      }),
      { numRuns: 35 },
    );
    expect([...faults].sort()).toEqual([...APPEND_FAULTS, 'read breaks off'].sort());
  }, 240_000);
});

const CALM: Burst = { wait: 0, commands: [], faults: [] };
