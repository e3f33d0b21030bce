/** A benchmark of sections, each with a node of its own, and one table at the end. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, renderFigures, type Section } from './figures.js';
import { machineFacts } from './machine.js';
import { renderMachine } from './report.js';

/** Options of the command: `--section <name>` (all by default, may be repeated), `--quick`, `--json <file>`. */
export async function runSections(sections: Readonly<Record<string, Section>>): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      section: { type: 'string', multiple: true, default: Object.keys(sections) },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const unknown = options.section.filter((name) => !Object.hasOwn(sections, name));
  if (unknown.length > 0)
    throw new Error(`no such section: ${unknown.join(', ')}; there are ${Object.keys(sections).join(', ')}`);

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
  const workFolder = mkdtempSync(join(tmpdir(), 'bench-'));
  // The embedded PostgreSQL may run as a user of its own, which has to pass through.
  chmodSync(workFolder, 0o755);
  process.on('exit', () => rmSync(workFolder, { recursive: true, force: true, maxRetries: 5 }));

  const machine = machineFacts(workFolder);
  console.log(renderMachine(machine));
  const figures: Figure[] = [];
  const errors: string[] = [];
  const rounds: Record<string, unknown> = {};
  for (const name of options.section) {
    const result = await (sections[name] as Section)({ quick: options.quick, workFolder });
    figures.push(...result.figures);
    errors.push(...result.errors.map((error) => `${name}: ${error}`));
    rounds[name] = result.rounds;
  }

  console.log(`\n\n${renderFigures(figures)}`);
  for (const error of errors) console.log(`! ${error}`);
  if (errors.length > 0) process.exitCode = 1;
  if (options.json !== undefined) {
    const text = JSON.stringify(
      { machine, figures, errors, rounds },
      (_, value) => (typeof value === 'bigint' ? `${value}` : value),
      2,
    );
    writeFileSync(options.json, `${text}\n`);
  }
}
