/**
 * The samples of the API's public documentation, word for word in the `.txt` files beside this one, and how to run them. Only the
 * host and the key are a test's own; where the page had lost them, line breaks and indentation were put back.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOST = 'https://api.mcphub.com';
const KEY = '<YOUR_MCPHUB_API_KEY>';
const NODE_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

export interface Reader {
  readonly url: string;
  readonly key: string;
}

/** The text of a sample as its reader would have it, with his host and key filled in. */
export async function sample(name: string, { url, key }: Reader): Promise<string> {
  return (await printed(name)).replaceAll(HOST, url).replaceAll(KEY, key);
}

/** The text of a sample as it is printed. */
export const printed = (name: string): Promise<string> => readFile(new URL(`./${name}.txt`, import.meta.url), 'utf8');

/** The lines of a sample that make `client`, which later samples of the page go on from. */
export function clientOf(program: string): string {
  const end = program.search(/^(#|\/\/) Make a chat completion request$/m);
  if (end < 0) throw new Error('the sample makes no client');
  return program.slice(0, end);
}

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

export const runShell = (command: string): Promise<Ran> => run('/bin/sh', ['-c', command]);

export const runPython = (program: string): Promise<Ran> => run('python3', ['-c', program]);

/** As a module in a folder of its own, where `import 'openai'` finds what is installed here. */
export async function runModule(program: string): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'documentation-'));
  try {
    await symlink(NODE_MODULES, join(folder, 'node_modules'));
    await writeFile(join(folder, 'sample.mjs'), program);
    return await run(process.execPath, [join(folder, 'sample.mjs')]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Why Python samples that import a module cannot run here; undefined where they can. */
export function pythonLacks(module: string): string | undefined {
  const { error, status } = spawnSync('python3', ['-c', `import ${module}`]);
  if (error) return 'there is no python3 on this machine';
  return status === 0 ? undefined : `python3 has no module "${module}" on this machine`;
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ stdout, stderr, exitCode }));
  });
}
