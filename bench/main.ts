/**
 * `npm run bench`: starts a fake provider, a bare pass-through and the server, loads them from a process of its own, and
 * prints one table. Options: `--suite completions|streams|translation|bodies|counting|memory|
 * ledger|accounts|rebuild|verify` (all by default), `--quick`,
 * `--json <file>`, `--server-command "<command>"`, `--stand-in` (that command has no accounts and no counters).
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { accounts } from './accounts.js';
import { openBench } from './bench.js';
import { bodies } from './bodies.js';
import { completions } from './completions.js';
import { counting } from './counting.js';
import { ledger } from './ledger.js';
import { machineFacts } from './machine.js';
import { memory } from './memory.js';
import { rebuild } from './rebuild.js';
import { renderMachine, renderTable } from './report.js';
import type { Row, Suite } from './samples.js';
import { streams } from './streams.js';
import { translation } from './translation.js';
import { verify } from './verify.js';

const SUITES: Record<string, Suite | undefined> = {
  completions,
  streams,
  translation,
  bodies,
  counting,
  memory,
  ledger,
  accounts,
  rebuild,
  verify,
};

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string', multiple: true, default: Object.keys(SUITES) },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    'server-command': { type: 'string' },
    'stand-in': { type: 'boolean', default: false },
  },
});
const unknown = options.suite.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0) throw new Error(`no such suite: ${unknown.join(', ')}; there are ${Object.keys(SUITES).join(', ')}`);

const script = (path: string) => [process.execPath, fileURLToPath(new URL(path, import.meta.url))];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const workFolder = mkdtempSync(join(tmpdir(), 'bench-'));
chmodSync(workFolder, 0o755);
process.on('exit', () => rmSync(workFolder, { recursive: true, force: true, maxRetries: 5 }));
const machine = machineFacts(workFolder);
console.log(renderMachine(machine));
const bench = await openBench({
  quick: options.quick,
  // As `npm start` starts it: a bounded heap is collected earlier, and the process stays small.
  command: options['server-command']?.split(' ') ?? [
    process.execPath,
    '--max-old-space-size=1024',
    ...script('../src/main.js').slice(1),
  ],
  standIn: options['stand-in'],
  passThroughCommand: script('./pass-through.js'),
  workFolder,
});

const rows: Row[] = [];
const errors: string[] = [];
const cells: Record<string, unknown> = {};
try {
  for (const name of options.suite) {
    const suite = SUITES[name];
    if (suite === undefined) {
      console.log(`${name}: not measured`);
      continue;
    }
    const result = await suite(bench);
    rows.push(...result.rows);
    errors.push(...result.errors);
    cells[name] = result.cells;
  }
} finally {
  await bench.stop();
}

console.log(`\n\n${renderTable(rows)}`);
console.log(
  '\nvs: times the pass-through, or ms beyond the direct call. Medians of interleaved rounds. CPU: of the server process alone.',
);
for (const error of errors) console.log(`! ${error}`);
if (errors.length > 0) process.exitCode = 1;
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ machine, rows, errors, cells }, null, 2)}\n`);
