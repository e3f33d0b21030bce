/** A process that runs a projection is killed between any two of its statements, and others go on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { Freshness } from '../../projections/runtime/freshness.js';
import { ProjectionRunner } from '../../projections/runtime/runner.js';
import { seal } from '../../src/event-store/envelope.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { historiesOf } from '../support/account-histories.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { createDatabase } from '../support/postgres.js';

const SEED = 20260304;
const CHILD = fileURLToPath(new URL('./projection-process.js', import.meta.url));
/** How many statements a leader sends to the end of its first batch depends on the events that had come by then. */
const DEADLY_STATEMENTS = [
  ...Array.from({ length: 16 }, (_, n) => String(n + 1)),
  'START TRANSACTION',
  'UPDATE projections.checkpoint',
  'SELECT f.*',
  'INSERT INTO "projections"',
  'COMMIT',
];
/** Each of them is a process that starts: far above what a busy machine needs. */
const TIMEOUT_MS = 300_000;

let node: TemporaryNode;
let store: EventStore;
let last = -1n;
const open: DataSource[] = [];
beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
  const [world] = fc.sample(historiesOf(12, 100), { seed: SEED, numRuns: 1 });
  const revisions = new Map<string, bigint>();
  for (const { stream, type, data, metadata } of world?.facts ?? []) {
    const revision = (revisions.get(stream) ?? -1n) + 1n;
    revisions.set(stream, revision);
    const cause = { commandId: `${stream} ${revision}`, correlationId: 'test', actor: { type: 'system', id: 'test' } as const };
    const event = seal({ stream, revision, previousHash: '' }, { type, data: data as object }, cause, 0, metadata.occurredAt);
    ({ position: last } = await store.append(stream, [event], revision - 1n));
  }
});
afterAll(async () => {
  for (const dataSource of open) await dataSource.destroy();
  await store.close();
  await node.dispose();
});

test(
  'rows are those of an undisturbed fold, before whichever statement it dies',
  async () => {
    const url = await createDatabase();
    for (const deadly of DEADLY_STATEMENTS) {
      const child = spawn(process.execPath, [CHILD, node.connectionString, url, deadly], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let unsent = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        unsent += text;
      });
      const [, signal] = await once(child, 'close');
      expect(signal).toBe('SIGKILL');
      if (Number.isNaN(Number(deadly))) expect(unsent.slice(0, deadly.length)).toBe(deadly);
    }
    expect(await foldedAt(url)).toEqual(await foldedAt(await createDatabase()));
  },
  TIMEOUT_MS,
);

/** All rows, when a runner of this process has folded what is left. */
async function foldedAt(url: string): Promise<string[][]> {
  const dataSource = await openDatabase(url, [balancesDefinition]);
  open.push(dataSource);
  const freshness = new Freshness(dataSource);
  const log = { log: () => {}, warn: console.warn, error: console.error };
  const runner = new ProjectionRunner(balancesDefinition, dataSource, store, freshness, log, { standbyMs: 10 });
  runner.start();
  expect(await freshness.waitFor(balancesDefinition.projection, last, 30_000)).toBe(true);
  await runner.stop();
  const tables = [...Object.values(balancesDefinition.entities).map(({ options }) => options.tableName), 'checkpoint'];
  return Promise.all(
    [...tables, 'stopped_stream'].map(async (table) => {
      const rows: { row: string }[] = await dataSource.query(
        `SELECT (to_jsonb(t) - 'updated_at')::text AS row FROM projections.${table} AS t ORDER BY 1`,
      );
      return rows.map(({ row }) => row);
    }),
  );
}
