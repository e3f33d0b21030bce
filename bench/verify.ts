/** A ledger verified from its first event to its last by the real command, against the embedded event store. */
import { execFile, fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GENESIS_HASH, seal } from '../src/event-store/envelope.js';
import { EventStore } from '../src/event-store/event-store.js';
import type { Bench } from './bench.js';
import type { LedgerCell } from './ledger.js';
import { median, type SuiteResult } from './samples.js';

const script = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ACCOUNTS = 400;
const WRITING_SECONDS = 20;

/** Events verified per second: every rule, and then the tree of the checkpoints beside it. */
export async function verify({ quick, rounds, workFolder }: Bench): Promise<SuiteResult> {
  const folder = mkdtempSync(join(workFolder, 'verify-'));
  const store = fork(script('../src/embedded/event-store/main.js'), ['--data-dir', folder, '--port', '0'], { stdio: 'ignore' });
  try {
    const [{ port }] = (await once(store, 'message')) as [{ port: number }];
    const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
    await publishPrice(connectionString);
    await write({ connectionString, accounts: ACCOUNTS, inFlight: 256, seconds: quick ? 3 : WRITING_SECONDS });
    const key = join(folder, 'key.pem');
    writeFileSync(key, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    const withTree = ['--public-key', key];
    const cells: { rules: Verified[]; tree: Verified[] } = { rules: [], tree: [] };
    for (let round = 0; round < rounds; round++) {
      cells.rules.push(await verified(connectionString, []));
      cells.tree.push(await verified(connectionString, withTree));
      process.stderr.write('.');
    }
    const all = [...cells.rules, ...cells.tree];
    const row = (figure: string, measured: Verified[]) => ({
      figure: `events/s, ${figure}, ${measured[0]?.events} events`,
      values: { ownAccounts: median(measured.map(({ events_per_second }) => events_per_second)) },
      digits: 0,
    });
    return {
      rows: [row('ledger verified', cells.rules), row('with the checkpoints’ tree', cells.tree)],
      cells,
      errors: all.flatMap(({ ok, problems_total }) => (ok ? [] : [`the ledger has ${problems_total} problems`])),
    };
  } finally {
    store.kill('SIGTERM');
    await once(store, 'exit');
  }
}

interface Verified {
  readonly ok: boolean;
  readonly events: number;
  readonly events_per_second: number;
  readonly problems_total: number;
}

async function verified(connectionString: string, options: readonly string[]): Promise<Verified> {
  const args = [script('../src/audit/cli/main.js'), 'verify', '--json', '--event-store', connectionString, ...options];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { ok, events, events_per_second, problems_total } = JSON.parse(stdout) as Verified;
  return { ok, events, events_per_second, problems_total };
}

/** The price that the writer's settlements name, so that their costs can be computed again. */
async function publishPrice(connectionString: string): Promise<void> {
  const store = new EventStore(connectionString);
  const stream = 'price-openai/gpt-4o-mini';
  const data = {
    model: 'openai/gpt-4o-mini',
    priceVersion: 'openai/gpt-4o-mini@1',
    effectiveAt: '2026-01-01T00:00:00.000Z',
    formulaVersion: 'usage@1',
    prices: { prompt: '0.00000015', completion: '0.0000006' },
  };
  const cause = { commandId: 'bench', correlationId: 'bench', actor: { type: 'system', id: 'bench' } } as const;
  const place = { stream, revision: 0n, previousHash: GENESIS_HASH };
  await store.append(stream, [seal(place, { type: 'PricesPublished', data }, cause, 0, data.effectiveAt)], -1n);
  await store.close();
}

async function write(cell: LedgerCell): Promise<void> {
  const writer = fork(script('./ledger-writer.js'));
  writer.send(cell);
  await once(writer, 'exit');
}
