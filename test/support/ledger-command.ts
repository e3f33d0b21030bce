/** The command line for auditors, as its user runs it: a process of its own. Needs `npm run build`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/src/audit/cli/main.js', import.meta.url));

export interface LedgerAnswer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: a document whose form the test states
  readonly json: any;
}

/** Nothing is kept there: a command that names no ledger does not find the one of the checkout. */
const NOWHERE = join(tmpdir(), 'no-ledger-is-here');

/** @param env what the command finds in its environment, besides PATH, HOME and a data directory that is not there */
export async function ledger(args: readonly string[], env: Record<string, string> = {}): Promise<LedgerAnswer> {
  return run(process.execPath, [MAIN, ...args], env);
}

export async function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<LedgerAnswer> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { env: { PATH, HOME, DATA_DIR: NOWHERE, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...said, json: said.stdout.startsWith('{') ? JSON.parse(said.stdout) : undefined };
}
