import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

/**
 * Does what the README says, in a copy of this checkout: the shell blocks in their order, each answer compared with the JSON
 * block below it. Two things differ from a fresh clone: `npm ci` is not run again, the copy uses the packages that are installed
 * here; and the port is a free one.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['.git', 'node_modules', 'dist', 'data', 'coverage']);
const PROMPT_MS = 60_000;

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(sh|json)\n(.*?)^```$/gms)].map(([, kind, text]) => ({ kind, text: text as string }));
const shell = blocks.filter(({ kind }) => kind === 'sh').map(({ text }) => text);
const [startCommand = '', checkCommand = ''] = shell;
const dialogue = blocks.flatMap(({ kind, text }, index) => {
  const answer = blocks[index + 1];
  return kind === 'sh' && answer?.kind === 'json' ? [{ command: text, answer: JSON.parse(answer.text) as unknown }] : [];
});

let folder: string;
/** What the reader fills in where the README has a `…`. */
const filledIn: Record<string, string> = {};
let running: Program | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'readme-'));
  await cp(root, folder, { recursive: true, filter: (path) => path === root || !NOT_COPIED.has(basename(path)) });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
});

afterAll(async () => {
  await running?.interrupt();
  await rm(folder, { recursive: true, force: true });
});

describe('the commands', () => {
  test('are two, and CI runs the second', () => {
    expect(startCommand.trim()).toBe('npm ci && npm start');
    expect(checkCommand.trim()).toMatch(/^npm ci && npm run \w+$/);
    expect(readFileSync(join(root, '.ci/run'), 'utf8').split('\n')).toContain(checkCommand.trim());
  });

  test('start a program that says how to call it', async () => {
    running = await start();
    filledIn['KEY'] = running.key;
    expect(running.output()).toMatch(/^Administration token \(kept in DATA_DIR\/admin-token\): adm-/m);
  });

  test('show an answer, and the balance before and after it', async () => {
    expect(dialogue.length).toBeGreaterThan(5);
    for (const { command, answer } of dialogue) {
      const given = await sh(command);
      expect({ command, given: asShown(given, answer) }).toEqual({ command, given: answer });
      const { user_id: userId } = given as { user_id?: string };
      if (userId && command.includes('/admin/accounts ')) filledIn['USER_ID'] = userId;
      const { key } = given as { key?: string };
      if (key && command.includes('/keys ')) filledIn['GENERATION_ID'] = await generationOf(key);
    }
  });

  test('the printed line works as it is pasted', async () => {
    const printed = /^ {2}(curl \S+\/v1\/chat\/completions .*)$/m.exec(program().output())?.[1] ?? '';
    const before = await balance();
    const { usage } = (await sh(printed)) as { usage: { cost: number } };
    expect(usage.cost).toBeGreaterThan(0);
    expect(await balance()).toBeCloseTo(before - usage.cost, 9);
  });

  test('Ctrl-C stops everything, with status 0', async () => {
    const { pids, interrupt } = program();
    const started = pids();
    // npm, the program, the event store, PostgreSQL.
    expect(started.length).toBeGreaterThanOrEqual(4);
    expect(await interrupt()).toEqual({ status: 0, signal: null });
    expect(started.filter(isAlive)).toEqual([]);
  });

  test('copy the event store to a file, and make an event store of it', async () => {
    const backingUp = shell.find((block) => block.includes('event-store -- backup')) ?? '';
    const { stdout } = await promisify(execFile)('bash', ['-euc', backingUp], { cwd: folder, env: environment() });
    const [backedUp, restored] = stdout.trim().split('\n');
    expect(backedUp).toMatch(/^backup\.mdb: \d+ events in \d+ streams, up to position \d+, /);
    expect(restored).toBe(`elsewhere/event-store: ${/\d+ events in \d+ streams, up to position \d+/.exec(backedUp ?? '')?.[0]}.`);
  });

  test('the next start finds the same key and the same balance', async () => {
    const before = filledIn['BALANCE'];
    running = await start();
    expect(running.key).toBe(filledIn['KEY']);
    expect(running.output()).not.toContain('Administration token');
    expect(String(await balance())).toBe(before);
    expect(await running.interrupt()).toEqual({ status: 0, signal: null });
  });
});

test('links of the README lead somewhere', () => {
  const targets = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target as string);
  expect(targets.length).toBeGreaterThan(10);
  expect(targets.filter((target) => !existsSync(join(root, target)))).toEqual([]);
});

test('every variable of the configuration is in the README', () => {
  const source = readFileSync(join(root, 'src/configuration.ts'), 'utf8');
  const names = [...source.matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(10);
  // Read already, without effect yet.
  const unused = ['ANTHROPIC_API_KEY', 'GEMINI_API_KEY'];
  expect(names.filter((name) => !readme.includes(`\`${name}\``) && !unused.includes(name))).toEqual([]);
});

interface Program {
  readonly url: string;
  readonly key: string;
  readonly output: () => string;
  /** The processes that run for it, those with a session of their own included. */
  readonly pids: () => number[];
  /** What a terminal does at Ctrl-C: the signal goes to every process of the foreground group. */
  readonly interrupt: () => Promise<{ status: number | null; signal: string | null }>;
}

function program(): Program {
  if (!running) throw new Error('the program has not started');
  return running;
}

async function start(): Promise<Program> {
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', `exec ${startCommand.trim().replace(/^npm ci && /, '')}`], {
    cwd: folder,
    env: { ...environment(), PORT: '0' },
    // A group of its own, as a shell gives to each command.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await printed(
    child,
    () => /and see what it cost:\n\n.*\n/.test(output),
    () => output,
  );
  const ready = /^Ready in ([\d.]+ s): (\S+)/m.exec(output);
  process.stdout.write(`README: ready in ${ready?.[1]}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s with npm\n`);
  return {
    url: ready?.[2] ?? '',
    key: /sk-mcp-[\w-]+/.exec(output)?.[0] ?? '',
    output: () => output,
    pids: () => descendantsOf(child.pid as number),
    interrupt: async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGINT');
      const [status, signal] = await ended;
      return { status, signal };
    },
  };
}

/** Resolves when the program has printed what is waited for; throws where it ends before. */
async function printed(child: ChildProcess, isThere: () => boolean, output: () => string): Promise<void> {
  await new Promise<void>((resolve, fail) => {
    const timer = setTimeout(() => fail(new Error(`not printed in time:\n${output()}`)), PROMPT_MS);
    child.once('exit', (code) => fail(new Error(`ended with status ${code}:\n${output()}`)));
    child.stdout?.on('data', () => {
      if (!isThere()) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Runs a block as its reader would, in the folder; the lines to be filled in are filled in. */
async function sh(block: string): Promise<unknown> {
  const command = block.replaceAll('http://127.0.0.1:8080', program().url).replace(/^\w+=.*…$/gm, '');
  const env = { ...environment(), TOKEN: readFileSync(join(folder, 'data/admin-token'), 'utf8').trim(), ...filledIn };
  const { stdout } = await promisify(execFile)('bash', ['-euc', command], { cwd: folder, env });
  return JSON.parse(stdout);
}

/** The reader's own call with a key of the account, the one that the README begins with. */
async function generationOf(key: string): Promise<string> {
  const call = dialogue.find(({ command }) => command.includes('/v1/chat/completions'))?.command ?? '';
  const { id } = (await sh(call.replace('$KEY', key))) as { id: string };
  return id;
}

async function balance(): Promise<number> {
  const { current_balance } = (await sh(dialogue[0]?.command ?? '')) as { current_balance: number };
  filledIn['BALANCE'] = String(current_balance);
  return current_balance;
}

/** An answer as far as the README shows it: the fields that it shows, and `…` in place of what differs each time. */
function asShown(given: unknown, shown: unknown): unknown {
  if (typeof shown === 'string' && shown.includes('…') && typeof given === 'string') {
    const pattern = shown.split('…').map((part) => part.replace(/[.*+?^$(){}|[\]\\]/g, '\\$&'));
    return new RegExp(`^${pattern.join('.*')}$`, 's').test(given) ? shown : given;
  }
  if (Array.isArray(shown) && Array.isArray(given)) return given.map((each, index) => asShown(each, shown[index]));
  if (typeof shown !== 'object' || shown === null || typeof given !== 'object' || given === null) return given;
  const fields = Object.entries(shown).filter(([name]) => name in given);
  return Object.fromEntries(fields.map(([name, value]) => [name, asShown((given as Record<string, unknown>)[name], value)]));
}

/** A reader's environment: nothing of this test run, and nothing that configures the program. */
function environment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'USER'];
  return Object.fromEntries(kept.filter((name) => process.env[name] !== undefined).map((name) => [name, process.env[name]]));
}

interface Process {
  readonly pid: number;
  readonly parent: number;
}

function descendantsOf(pid: number): number[] {
  const all = processes();
  const found = [pid];
  for (const each of found) found.push(...all.filter(({ parent }) => parent === each).map((child) => child.pid));
  return found;
}

const isAlive = (pid: number): boolean => processes().some((each) => each.pid === pid);

/** Those that run; one that has ended and is not collected yet does not. */
function processes(): Process[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=']).toString().trim().split('\n');
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}
