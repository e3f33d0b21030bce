/** A node of its own for a section, as a process of its own: the client's work is this process's alone. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, type JSONEventData, jsonEvent } from '@eventstore/db-client';
import { type CpuTimes, cpuTimes, rssMegabytes } from '../process-facts.js';

const NODE = fileURLToPath(new URL('../../src/embedded/event-store/main.js', import.meta.url));

export interface BenchedNode {
  readonly connectionString: string;
  readonly client: EventStoreDBClient;
  /** Until it said that it is ready. */
  readonly openMs: number;
  rssMegabytes(): number;
}

export async function withNode<T>(workFolder: string, use: (node: BenchedNode) => Promise<T>): Promise<T> {
  return withNodeOn(mkdtempSync(join(workFolder, 'log-')), use);
}

export async function withNodeOn<T>(dataDir: string, use: (node: BenchedNode) => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const child = fork(NODE, ['--data-dir', dataDir, '--port', '0'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const openMs = performance.now() - startedAt;
  const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
  const client = EventStoreDBClient.connectionString(connectionString);
  try {
    return await use({ connectionString, client, openMs, rssMegabytes: () => rssMegabytes(child.pid as number) });
  } finally {
    await client.dispose();
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** About what an event of a ledger has: 250 bytes of JSON. */
export const anEvent = (type = 'CreditsReserved'): JSONEventData =>
  jsonEvent({
    type,
    data: {
      reservationId: 'res_01JD3ZK8X4V5N6P7Q8R9S0T1U2',
      generationId: 'gen_01JD3ZK8X4V5N6P7Q8R9S0T1U2',
      keyId: 'key_8f14e45f',
      amount: '1250000',
      holds: [{ lotId: 'lot_c9f0f895', amount: '1250000' }],
      settleBy: '2026-03-01T12:05:00.000Z',
    },
  });

/** The least that an event can be: what remains is the cost of the wire. */
export const smallEvent = (): JSONEventData => jsonEvent({ type: 'sent', data: { n: 1 } });

export interface Cost {
  readonly seconds: number;
  readonly cpu: CpuTimes;
}

/** The wall clock and the CPU time, of this process and of the node. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const before = cpuTimes(process.pid);
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = cpuTimes(process.pid);
  return {
    seconds,
    cpu: {
      own: after.own - before.own,
      postgres: 0,
      eventStore: after.eventStore - before.eventStore,
    },
  };
}

export const cpuNote = ({ cpu }: Cost, count: number, what: string): string =>
  `CPU µs/${what}: client ${(cpu.own / count).toFixed(1)}, node ${(cpu.eventStore / count).toFixed(1)}`;
