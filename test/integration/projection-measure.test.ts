import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '@jest/globals';
import { Session } from 'node:inspector/promises';
import { writeFile } from 'node:fs/promises';
import { balancesDefinition } from '../../projections/balances/balances.entity.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { createDatabase } from '../support/postgres.js';
import { fork } from 'node:child_process';

test('measure', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'measure-'));
  const node = await startEventStoreNode({ dataDir });
  const store = new EventStore(node.connectionString);
  const N = 400, P = 125;
  let position = -1n;
  let n = 0;
  const meta = { commandId: 'c', correlationId: 'x', actor: { type: 'system', id: 'x' }, schemaVersion: 1, occurredAt: '2026-03-01T00:00:00.000Z', previousHash: '0'.repeat(64), hash: '0'.repeat(64) } as never;
  const ev = (type: string, data: object) => ({ id: `00000000-0000-4000-8000-${String(n++).padStart(12, '0')}`, type, data, metadata: meta });
  for (let a = 0; a < N; a++) {
    await store.append(`account-acc${a}`, [
      ev('AccountOpened', { accountId: `acc${a}`, username: 'u', tier: 'free' }),
      ev('ApiKeyIssued', { keyId: 'k', secretHash: 'h', name: 'n' }),
      ev('CreditsGranted', { lotId: 'lot-1', grantId: 'g', kind: 'top_up', amount: '1000000000000', costBasis: '1', currency: 'USD', priority: 10, effectiveAt: '2026-03-01T00:00:00.000Z' }),
    ], -1n);
  }
  for (let p = 0; p < P; p += 5) {
    await Promise.all(Array.from({ length: N }, (_, a) => {
      const evs = [];
      for (let i = p; i < p + 5; i++) {
        const r = `gen-${a}-${i}-abcdefghijklmnop`;
        evs.push(ev('CreditsReserved', { reservationId: r, generationId: r, keyId: 'k', amount: '1000', holds: [{ lotId: 'lot-1', amount: '1000' }], burnDownOrder: 'mcphub@1', quote: { model: 'openai/gpt-5', priceVersion: 'p1', promptTokensMax: 100, completionTokensMax: 100 }, settleBy: '2026-03-01T00:10:00.000Z' }));
        evs.push(ev('ReservationSettled', { reservationId: r, generationId: r, keyId: 'k', model: 'openai/gpt-5', cost: { exact: '600000', rounded: '600', lines: [{ class: 'prompt', tokens: 10, price: '1', amount: '10' }, { class: 'completion', tokens: 10, price: '1', amount: '10' }] }, usage: { classes: { prompt: 10, completion: 10 }, source: 'provider' }, priceVersion: 'p1', formulaVersion: 'f1', attempts: [{ provider: 'openai', upstreamModel: 'gpt-5', status: 200 }], debits: [{ lotId: 'lot-1', amount: '600' }], releases: [{ lotId: 'lot-1', amount: '400' }], shortfall: '0', outcome: 'completed' }));
      }
      return store.append(`account-acc${a}`, evs, BigInt(2 + p * 2)).then((r) => { if (r.position > position) position = r.position; });
    }));
  }
  const url = await createDatabase();
  const t0 = performance.now();
  const ds = await openDatabase(url, [balancesDefinition]);
  console.log('open ms', performance.now() - t0);
  const t00 = performance.now();
  const ds2 = await openDatabase(url, [balancesDefinition]);
  console.log('open again ms', performance.now() - t00); await ds2.destroy();
  const f = new Freshness(ds);
  let batches = 0, commitMs = 0; const sizes: number[] = [];
  const spy = { read: store.read.bind(store), async *subscribe(o: never) { const all = [] as never[]; { const ac = new AbortController(); for await (const b of store.subscribe({ ...(o as object), signal: ac.signal } as never)) { all.push(...(b.events as never[])); if (b.position >= position) break; } } console.log('collected', performance.now() - t1); for (let i = 0; i < all.length; i += 1000) { const events = all.slice(i, i + 1000); const b = { events, position: (events.at(-1) as { position: bigint }).position } as never as { events: [] }; batches++; sizes.push(b.events.length); const t = performance.now(); yield b; commitMs += performance.now() - t; } } };
  const runner = new ProjectionRunner(balancesDefinition, ds, spy as never, f, { log() {}, warn: console.log, error: console.log });
  let t1 = 0; const s = new Session(); s.connect(); await s.post('Profiler.enable'); await s.post('Profiler.start');
  t1 = performance.now(); const c1 = process.cpuUsage();
  runner.start();
  console.log(await f.waitFor(balancesDefinition.projection, position, 300000));
  const ms = performance.now() - t1; const c = process.cpuUsage(c1);
  const { profile } = await s.post('Profiler.stop'); await writeFile('/tmp/profile.json', JSON.stringify(profile));
  console.log(`${n} events in ${ms} ms = ${Math.round(n / ms * 1000)}/s, cpu ${(c.user + c.system) / 1000}`);
  console.log(runner.status(), { batches, commitMs }, sizes.slice(0, 30), sizes.slice(-20));
  // latency of one event
  await runner.stop(); await ds.destroy(); await store.close(); await node.close(); await rm(dataDir, { recursive: true });
}, 300_000);
