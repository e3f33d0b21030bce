/** What becomes of reservations whose process has died, and of ends that come after all. */
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { AccountWriter } from '../../src/accounts/account-writer.js';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import { available } from '../../src/accounts/domain/account.js';
import { type AccountEvent, accountStream } from '../../src/accounts/domain/accounts.events.js';
import { findReservationEnd } from '../../src/accounts/find-reservation-end.js';
import { LiveGenerations, ReservationTimes } from '../../src/completions/ends/live-generations.js';
import type { PendingEnd } from '../../src/completions/ends/settlement-retries.js';
import { Settlements } from '../../src/completions/ends/settlements.js';
import type { Generation } from '../../src/completions/generation.js';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { GatewayClock } from '../../src/http/clock.js';
import { Metrics } from '../../src/http/metrics.controller.js';
import { EndReservationJob } from '../../src/jobs/end-reservation.job.js';
import { openQueue } from '../../src/jobs/job-queue.js';
import { KeptEnds } from '../../src/jobs/kept-ends.js';
import type { OverdueReservation } from '../../src/jobs/overdue-reservations.js';
import { type AbandonedCalls, RecoverReservationsJob } from '../../src/jobs/recover-reservations.job.js';
import { costOf, priceTable } from '../../src/pricing/index.js';
import { grant, KEY, release, reserve, settle } from '../support/account-story.js';
import { startTemporaryNode, type TemporaryNode, temporaryDirectory } from '../support/event-store-node.js';
import { beforeStop, createDatabase } from '../support/postgres.js';

const MINUTE = 60_000;
const TTL = 15 * MINUTE;

class TestClock extends GatewayClock {
  at = Date.parse('2026-03-01T00:00:00.000Z');
  now(): number {
    return this.at;
  }
}
const clock = new TestClock();

/** 10 nano-credits a token of the prompt. */
const PRICES = {
  version: (model: string, priceVersion: string) =>
    priceVersion === 'm@1'
      ? {
          priceVersion,
          effectiveAt: 0,
          pricing: { prompt: '0.00000001', completion: '1' },
          prices: priceTable({ prompt: '0.00000001', completion: '1' }),
          formulaVersion: 'usage@1' as const,
          model,
        }
      : undefined,
};

let node: TemporaryNode;
let queue: Queue;
beforeAll(async () => {
  node = await startTemporaryNode();
  queue = openQueue({ redisUrl: undefined, databaseUrl: await createDatabase() });
  queue.on('error', () => undefined);
  beforeStop(() => queue.close());
});
afterAll(() => node.dispose());

/** What was logged since the test began. */
let logged: { level: string; message: Record<string, unknown> }[] = [];
beforeEach(() => {
  logged = [];
  const note = (level: string) => (message: Record<string, unknown>) => void logged.push({ level, message });
  Logger.overrideLogger({ log: note('log'), warn: note('warn'), error: note('error') });
});
const stores: EventStore[] = [];
const closings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  Logger.overrideLogger(true);
  for (const store of stores.splice(0)) await store.close();
  for (const close of closings.splice(0).reverse()) await close();
});

/** What one process has; its read side tells it of the reservations that the test names. */
function openProcess({ graceMs = 0, connectionString = node.connectionString, policy = 'release' as AbandonedCalls } = {}) {
  const store = new EventStore(connectionString);
  stores.push(store);
  const accounts = new AccountWriter(store, clock);
  const metrics = new Metrics(store);
  const kept = new KeptEnds(queue);
  let hints: readonly OverdueReservation[] = [];
  const overdue = { list: async () => hints };
  const job = new RecoverReservationsJob(overdue, kept, store, accounts, clock, metrics, graceMs, policy, PRICES);
  let commands = 0;
  return {
    store,
    accounts,
    kept,
    ends: new EndReservationJob(accounts, store),
    recover: (...overdue: OverdueReservation[]) => {
      hints = overdue;
      return job.run();
    },
    recovered: async () => (await metrics.registry.getSingleMetric('reservations_recovered_total')?.get())?.values,
    did: async (accountId: string, command: AccountCommand) => {
      const cause = {
        commandId: `c${++commands}`,
        correlationId: 'test',
        actor: { type: 'system', id: 'test' } as const,
      };
      const { rejection } = await accounts.execute(accountId, command, cause);
      if (rejection) throw new Error(`${command.type} was refused: ${rejection.reason}`);
    },
  };
}
type Process = ReturnType<typeof openProcess>;

let accountsOpened = 0;
/** An account with 1,000 nano-credits and a key. */
async function openAccount({ did }: Process): Promise<string> {
  const accountId = `account${++accountsOpened}`;
  await did(accountId, { type: 'OpenAccount', accountId, username: 'u', tier: 'premium' });
  const terms = { limit: undefined, limitReset: undefined, expiresAt: undefined };
  await did(accountId, { type: 'IssueApiKey', keyId: KEY, secretHash: 'h', name: 'n', ...terms });
  await did(accountId, grant('g', 1_000n));
  return accountId;
}

const reserving = (id: string, amount: bigint): AccountCommand =>
  ({ ...reserve(id, amount), settleWithinMs: TTL }) as AccountCommand;

async function eventsOf(
  accountId: string,
  reservationId: string,
  from: EventStore = stores[0] as EventStore,
): Promise<AccountEvent[]> {
  const events: AccountEvent[] = [];
  for await (const { type, data } of from.read(accountStream(accountId)))
    if ((data as { reservationId?: string }).reservationId === reservationId) events.push({ type, data } as AccountEvent);
  return events;
}
const typesOf = async (accountId: string, reservationId: string) =>
  (await eventsOf(accountId, reservationId)).map(({ type }) => type);

const pendingEnd = (accountId: string, command: AccountCommand): PendingEnd => ({
  accountId,
  command: command as PendingEnd['command'],
  cause: { commandId: `end:${command.type}`, correlationId: 'test', actor: { type: 'api_key', id: KEY } },
});

/** A generation as far as its settlement reads it: 10 nano-credits a token. */
const generationOf = (accountId: string, id: string) =>
  ({
    id,
    at: clock.at,
    failed: [],
    request: {},
    principal: { accountId, keyId: KEY },
    model: {
      id: 'm',
      prices: priceTable({ prompt: '0.00000001', completion: '0' }),
      priceVersion: 'm@1',
      formulaVersion: 'usage@1',
    },
    provider: { id: 'openai' },
    call: { upstreamModel: 'm' },
  }) as unknown as Generation;

describe('recovery', () => {
  test('gives back what an overdue reservation holds, once, and reports it', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    await process.did(accountId, reserving('r1', 400n));
    clock.at += TTL;
    const overdue = { accountId, reservationId: 'r1' };
    await process.recover(overdue);
    await process.recover(overdue);
    expect(await eventsOf(accountId, 'r1')).toMatchObject([
      { type: 'CreditsReserved' },
      {
        type: 'ReservationReleased',
        data: { reason: 'abandoned', generationId: 'r1', keyId: KEY, releases: [{ amount: '400' }] },
      },
    ]);
    const { account } = await process.accounts.refresh(accountId);
    expect([available(account, clock.at), account.keys.get(KEY)?.held]).toEqual([1_000n, 0n]);
    expect(await process.recovered()).toEqual([{ labels: { reason: 'abandoned' }, value: 1 }]);
    expect(logged).toEqual([
      {
        level: 'warn',
        message: { msg: expect.any(String), accountId, reservationId: 'r1', releasedNano: '400' },
      },
    ]);
  });

  test('charges the estimate instead where that is the policy: the prompt, once, never what is alive or has ended', async () => {
    const [process, other] = [openProcess({ policy: 'charge_estimate' }), openProcess({ policy: 'charge_estimate' })];
    const accountId = await openAccount(process);
    const withPrompt = (id: string, priceVersion: string): AccountCommand =>
      ({
        ...reserving(id, 400n),
        quote: { model: 'm', priceVersion, promptTokensMax: 61, completionTokensMax: 9 },
      }) as AccountCommand;
    await process.did(accountId, withPrompt('r1', 'm@1'));
    await process.did(accountId, withPrompt('unpriced', 'm@0'));
    await process.did(accountId, reserving('released', 100n));
    await process.did(accountId, release('released'));
    const overdue = ['r1', 'unpriced', 'released'].map((reservationId) => ({ accountId, reservationId }));
    clock.at += TTL - 1;
    await process.recover(...overdue);
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved']);
    clock.at += 1;
    await Promise.all([process.recover(...overdue), other.recover(...overdue)]);
    expect(await eventsOf(accountId, 'r1')).toMatchObject([
      { type: 'CreditsReserved' },
      {
        type: 'ReservationSettled',
        data: {
          outcome: 'abandoned',
          cost: { exact: '160000', rounded: '160', lines: [{ class: 'input_uncached', tokens: 16 }] },
          usage: { classes: { input_uncached: 16 }, source: 'estimated', anomalies: ['usage_unknown'] },
          priceVersion: 'm@1',
          debits: [{ amount: '160' }],
          releases: [{ amount: '240' }],
          shortfall: '0',
        },
      },
    ]);
    expect(await typesOf(accountId, 'unpriced')).toEqual(['CreditsReserved', 'ReservationReleased']);
    expect(await typesOf(accountId, 'released')).toEqual(['CreditsReserved', 'ReservationReleased']);
    const counted = [...((await process.recovered()) ?? []), ...((await other.recovered()) ?? [])];
    expect(counted.map(({ labels }) => labels['reason']).sort()).toEqual(['abandoned', 'charged_estimate']);
  });

  test('in two processes at once: one event', async () => {
    const [one, other] = [openProcess(), openProcess()];
    const accountId = await openAccount(one);
    const ids = Array.from({ length: 20 }, (_, index) => `r${index}`);
    for (const id of ids) await one.did(accountId, reserving(id, 10n));
    clock.at += TTL;
    const overdue = ids.map((reservationId) => ({ accountId, reservationId }));
    await Promise.all([one.recover(...overdue), other.recover(...overdue.toReversed())]);
    for (const id of ids) expect(await typesOf(accountId, id)).toEqual(['CreditsReserved', 'ReservationReleased']);
    const counted = [...((await one.recovered()) ?? []), ...((await other.recovered()) ?? [])];
    expect(counted.reduce((total, { value }) => total + value, 0)).toBe(20);
  });

  test('leaves alone what is not overdue by the stream, what has ended, and what never was', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    await process.did(accountId, reserving('settled', 100n));
    await process.did(accountId, settle('settled', 60n));
    await process.did(accountId, reserving('open', 100n));
    clock.at += TTL - 1;
    await process.recover(...['settled', 'open', 'nothing'].map((reservationId) => ({ accountId, reservationId })));
    expect(await typesOf(accountId, 'settled')).toEqual(['CreditsReserved', 'ReservationSettled']);
    expect(await typesOf(accountId, 'open')).toEqual(['CreditsReserved']);
    expect(logged).toEqual([]);
    clock.at += 1;
    await process.recover({ accountId, reservationId: 'open' });
    expect(await typesOf(accountId, 'open')).toEqual(['CreditsReserved', 'ReservationReleased']);
  });

  test('leaves a reservation alone whose end is kept in the queue: that is what it pays', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    for (const id of ['r1', 'r2', 'r3']) await process.did(accountId, reserving(id, 100n));
    const [charge, nothing] = [pendingEnd(accountId, settle('r1', 70n)), pendingEnd(accountId, release('r2'))];
    await process.kept.keep(charge);
    await process.kept.keep(nothing);
    clock.at += TTL;
    const overdue = ['r1', 'r2', 'r3'].map((reservationId) => ({ accountId, reservationId }));
    await process.recover(...overdue);
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved']);
    expect(await typesOf(accountId, 'r2')).toEqual(['CreditsReserved']);
    expect(await typesOf(accountId, 'r3')).toEqual(['CreditsReserved', 'ReservationReleased']);
    await process.ends.run(charge);
    await process.ends.run(nothing);
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved', 'ReservationSettled']);
    expect((await eventsOf(accountId, 'r2')).at(-1)).toMatchObject({ data: { reason: 'provider_error' } });
    await queue.drain();
  });

  test('an account that cannot be read holds up nobody else', async () => {
    const process = openProcess();
    const [unreadable, accountId] = [await openAccount(process), await openAccount(process)];
    await process.did(accountId, reserving('r1', 100n));
    const { revision } = (await last(process, unreadable)) ?? { revision: -1n };
    const event = { type: 'CreditsConjured', data: {} };
    const cause = { commandId: 'x', correlationId: 'x', actor: { type: 'system', id: 'x' } as const };
    const place = { stream: accountStream(unreadable), revision: revision + 1n, previousHash: '' };
    await process.store.append(place.stream, [seal(place, event, cause, 0, new Date(clock.at).toISOString())], revision);
    clock.at += TTL;
    const other = openProcess();
    await other.recover({ accountId: unreadable, reservationId: 'r0' }, { accountId, reservationId: 'r1' });
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved', 'ReservationReleased']);
    expect(logged.map(({ level, message }) => [level, message['accountId']])).toEqual(
      expect.arrayContaining([
        ['error', unreadable],
        ['warn', accountId],
      ]),
    );
  });
});

async function last({ store }: Process, accountId: string) {
  for await (const event of store.readBackwards(accountStream(accountId))) return event;
  return undefined;
}

describe('an end that comes after the release', () => {
  test('is charged late, once', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    await process.did(accountId, reserving('r1', 100n));
    clock.at += TTL;
    await process.recover({ accountId, reservationId: 'r1' });
    const charge = pendingEnd(accountId, settle('r1', 70n));
    await process.ends.run(charge);
    await process.ends.run(charge);
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved', 'ReservationReleased', 'LateSettlementRecorded']);
    expect(available((await process.accounts.refresh(accountId)).account, clock.at)).toBe(930n);
  });

  describe('longer ago than the account remembers', () => {
    let process: Process;
    let accountId: string;
    const balance = async () => available((await process.accounts.refresh(accountId)).account, clock.at);
    beforeEach(async () => {
      process = openProcess();
      accountId = await openAccount(process);
      for (const id of ['released', 'settled']) await process.did(accountId, reserving(id, 100n));
      await process.did(accountId, release('released'));
      await process.did(accountId, settle('settled', 50n));
      const forget = Array.from({ length: 600 }, (_, index) => `x${index}`);
      await Promise.all(forget.map((id) => process.did(accountId, reserving(id, 1n))));
      await Promise.all(forget.map((id) => process.did(accountId, release(id))));
    });

    test('a released one is charged, once, in whatever process', async () => {
      const charge = pendingEnd(accountId, settle('released', 70n));
      await process.ends.run(charge);
      await process.ends.run(charge);
      await openProcess().ends.run(charge);
      expect((await eventsOf(accountId, 'released')).slice(2)).toMatchObject([
        { type: 'LateSettlementRecorded', data: { generationId: 'released', keyId: KEY, cost: { rounded: '70' } } },
      ]);
      expect(await balance()).toBe(1_000n - 50n - 70n);
      expect(logged).toEqual([]);
    });

    test('one that its own process settles is handed to the queue, which charges it', async () => {
      const live = new LiveGenerations(process.accounts, clock, new ReservationTimes(TTL));
      live.add('released', accountId, clock.at);
      const usage = { input_uncached: 7 };
      const generation = generationOf(accountId, 'released');
      await new Settlements(process.accounts, process.kept, live).settle(generation, {
        usage,
        cost: costOf(usage, generation.model.prices),
        source: 'provider',
        anomalies: [],
        outcome: 'completed',
        upstreamId: undefined,
        status: 200,
        answer: { streamed: false, latencyMs: 1, durationMs: 1 },
      });
      expect(await process.kept.has('released')).toBe(true);
      const job = await queue.getJob('SettleReservation-released');
      await process.ends.run(job?.data as PendingEnd);
      await job?.remove();
      expect((await typesOf(accountId, 'released')).at(-1)).toBe('LateSettlementRecorded');
      expect(await balance()).toBe(1_000n - 50n - 70n);
    });

    test('a settled one is not charged again, and releasing either changes nothing', async () => {
      await process.ends.run(pendingEnd(accountId, settle('settled', 70n)));
      await process.ends.run(pendingEnd(accountId, release('settled')));
      await process.ends.run(pendingEnd(accountId, release('released')));
      expect(await balance()).toBe(950n);
      expect(logged).toEqual([]);
    });

    test('one that was never made is reported with what is lost', async () => {
      await process.ends.run(pendingEnd(accountId, settle('nothing', 70n)));
      expect(await balance()).toBe(950n);
      expect(logged).toEqual([
        {
          level: 'error',
          message: {
            msg: expect.any(String),
            reason: 'reservation_not_open',
            accountId,
            reservationId: 'nothing',
            costNano: '70',
          },
        },
      ]);
    });
  });

  test('how a reservation ended is found in the stream, the last word first', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    const end = async (id: string) => (await findReservationEnd(process.store, accountId, id))?.type;
    for (const id of ['open', 'settled', 'late']) await process.did(accountId, reserving(id, 100n));
    await process.did(accountId, settle('settled', 5n));
    await process.did(accountId, release('late'));
    expect([await end('open'), await end('settled'), await end('late'), await end('nothing')]).toEqual([
      undefined,
      'ReservationSettled',
      'ReservationReleased',
      undefined,
    ]);
    await process.did(accountId, settle('late', 5n));
    expect(await end('late')).toBe('LateSettlementRecorded');
  });
});

describe('a call that is under way', () => {
  const openLive = (process: Process) => new LiveGenerations(process.accounts, clock, new ReservationTimes(TTL));
  const settleByOf = async (accountId: string, id: string) =>
    (await eventsOf(accountId, id)).map(({ data }) => Date.parse((data as { settleBy: string }).settleBy));

  test('is extended when less than five minutes are left, again and again, and not released', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    const began = clock.at;
    await process.did(accountId, reserving('r1', 100n));
    const live = openLive(process);
    live.add('r1', accountId, began + TTL);
    const overdue = { accountId, reservationId: 'r1' };
    for (let minute = 1; minute <= 40; minute++) {
      clock.at = began + minute * MINUTE;
      await live.look();
      await process.recover(overdue);
    }
    expect(await typesOf(accountId, 'r1')).toEqual(['CreditsReserved', ...Array(3).fill('ReservationExtended')]);
    expect(await settleByOf(accountId, 'r1')).toEqual([15, 26, 37, 48].map((minutes) => began + minutes * MINUTE));
    await process.did(accountId, settle('r1', 30n));
    live.remove('r1');
    clock.at += TTL;
    await live.look();
    await process.recover(overdue);
    expect((await typesOf(accountId, 'r1')).at(-1)).toBe('ReservationSettled');
    expect(logged).toEqual([]);
  });

  test('whose reservation was taken all the same is charged late, and no longer kept', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    await process.did(accountId, reserving('r1', 100n));
    const live = openLive(process);
    live.add('r1', accountId, clock.at + TTL);
    clock.at += TTL;
    await process.recover({ accountId, reservationId: 'r1' });
    await live.look();
    await live.look();
    await process.did(accountId, settle('r1', 30n));
    expect((await typesOf(accountId, 'r1')).slice(1)).toEqual(['ReservationReleased', 'LateSettlementRecorded']);
  });

  test('has time to be extended after an outage in which it became overdue', async () => {
    const dataDir = await temporaryDirectory();
    let own = await startEventStoreNode({ dataDir });
    const { port, connectionString } = own;
    closings.push(
      () => rm(dataDir, { recursive: true }),
      () => own.close(),
    );
    const process = openProcess({ graceMs: MINUTE, connectionString });
    const accountId = await openAccount(process);
    const live = openLive(process);
    for (const id of ['alive', 'dead']) await process.did(accountId, reserving(id, 100n));
    live.add('alive', accountId, clock.at + TTL);
    const overdue = ['alive', 'dead'].map((reservationId) => ({ accountId, reservationId }));
    await own.close();
    clock.at += TTL;
    await process.recover(...overdue);
    clock.at += MINUTE;
    own = await startEventStoreNode({ dataDir, port });
    await process.recover(...overdue);
    expect([await typesOf(accountId, 'alive'), await typesOf(accountId, 'dead')]).toEqual([
      ['CreditsReserved'],
      ['CreditsReserved'],
    ]);
    clock.at += MINUTE;
    await live.look();
    await process.recover(...overdue);
    expect([(await typesOf(accountId, 'alive')).at(-1), (await typesOf(accountId, 'dead')).at(-1)]).toEqual([
      'ReservationExtended',
      'ReservationReleased',
    ]);
  });

  test('that never ends does not hold its credits for ever', async () => {
    const process = openProcess();
    const accountId = await openAccount(process);
    await process.did(accountId, reserving('r1', 100n));
    const live = openLive(process);
    live.add('r1', accountId, clock.at + TTL);
    for (let look = 0; look < 60; look++) {
      clock.at += TTL - 1;
      await live.look();
    }
    clock.at += TTL;
    await process.recover({ accountId, reservationId: 'r1' });
    const types = await typesOf(accountId, 'r1');
    expect([types.length, types.at(-1)]).toEqual([52, 'ReservationReleased']);
  });
});
