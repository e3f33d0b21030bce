/** A long account as a stream over HTTP: read as fast as it is taken, and no longer than somebody takes it. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ReplayController } from '../../src/audit/replay.controller.js';
import { EventStore } from '../../src/event-store/event-store.js';
import type { RawEvent } from '../../src/event-store/raw-event.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { CREDIT, RepricingLedger } from '../support/repricing-ledger.js';

const CALLS = 8_000;
/** On a machine that is busy otherwise. */
const WITHIN_MS = 240_000;
const TOKEN = 'token-of-the-test';

/** Counts the events that a replay has taken, and the replays that go on. */
class CountingStore extends EventStore {
  readonly taken: number[] = [];
  open = 0;

  override async *readRaw(stream: string): AsyncGenerator<RawEvent> {
    if (!stream.startsWith('account-')) return yield* super.readRaw(stream);
    const reading = this.taken.push(0) - 1;
    this.open += 1;
    try {
      for await (const event of super.readRaw(stream)) {
        this.taken[reading] = (this.taken[reading] ?? 0) + 1;
        yield event;
      }
    } finally {
      this.open -= 1;
    }
  }
}

let ledger: RepricingLedger;
let store: CountingStore;
let app: NestFastifyApplication;
let url: string;
let accountId: string;
let asked: ClientRequest | undefined;

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  await ledger.publish({ prompt: '0.000001', completion: '0.000001' });
  accountId = await ledger.openAccount({ amount: CREDIT });
  for (let at = 0; at < CALLS; at += 500)
    await Promise.all(Array.from({ length: 500 }, (_, each) => ledger.call(accountId, `g${at + each}`, { input_uncached: 1 })));
  store = new CountingStore(ledger.connectionString);
  @Module({
    controllers: [ReplayController],
    providers: [
      { provide: EventStore, useValue: store },
      { provide: AdministrationToken, useValue: new AdministrationToken(TOKEN) },
    ],
  })
  class TestModule {}
  app = await NestFactory.create<NestFastifyApplication>(TestModule, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  url = `${await app.getUrl()}/api/v3/admin/accounts/${accountId}/replay`;
}, WITHIN_MS);
afterEach(() => {
  asked?.destroy();
});
afterAll(async () => {
  await app?.close();
  await store?.close();
  await ledger?.close();
});

const headers = { authorization: `Bearer ${TOKEN}` };

/** Resolves with the answer once its first bytes are there, of which no more are taken then. */
async function begun(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked = request(`${url}?format=jsonl`, { headers });
    asked.on('error', reject).on('response', (response) => {
      response.on('error', () => undefined);
      response.once('readable', () => resolve(response));
    });
    asked.end();
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}

test(
  'who does not read on is not read ahead for, however long it takes',
  async () => {
    const reading = store.taken.length;
    await begun();
    // Each of these reads all of the account in the same process; one that is not held up would get there meanwhile.
    for (let other = 0; other < 3; other++) {
      const page = await fetch(`${url}?from_revision=${2 * CALLS}&limit=1000`, { headers });
      expect(((await page.json()) as { steps: object[] }).steps.length).toBeGreaterThan(0);
    }
    expect(store.taken[reading]).toBeGreaterThan(0);
    expect(store.taken[reading]).toBeLessThan(2 * CALLS);
  },
  WITHIN_MS,
);

test(
  'a replay ends when its reader leaves, as a stream and as a page',
  async () => {
    await begun();
    expect(store.open).toBe(1);
    asked?.destroy();
    await until(() => store.open === 0);

    const leaving = new AbortController();
    const reading = store.taken.length;
    const page = fetch(`${url}?from_revision=${2 * CALLS}`, { headers, signal: leaving.signal }).catch(() => 'left');
    await until(() => (store.taken[reading] ?? 0) > 0);
    leaving.abort();
    expect(await page).toBe('left');
    await until(() => store.open === 0);
    expect(store.taken[reading]).toBeLessThan(2 * CALLS);
  },
  WITHIN_MS,
);

test(
  'who reads all of it gets every event, in order, and the end',
  async () => {
    const answer = await (await fetch(`${url}?format=jsonl`, { headers })).text();
    const lines = answer
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { revision: number; end?: boolean });
    expect(lines.pop()).toMatchObject({ end: true, problems: 0, mismatches: 0, steps: lines.length });
    expect(lines.every(({ revision }, index) => revision === index)).toBe(true);
    expect(lines.length).toBeGreaterThan(2 * CALLS);
  },
  WITHIN_MS,
);
