/**
 * The real program in a process of its own, as `npm start` runs it: embedded event store and PostgreSQL, real sockets. Needs
 * `npm run build`. Nothing of the caller's environment reaches it but PATH and HOME, so that no configured key or server does.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ADMIN_TOKEN = 'admin-token-of-the-tests';
/** The key that the gateway shows its providers; it must never be seen by anyone else. */
export const PROVIDER_KEY = 'sk-provider-key-of-the-tests';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const READY = /^Ready in .*?: (http:\/\/\S+)/m;
const READY_WITHIN_MS = 45_000;
const STOPPED_WITHIN_MS = 40_000;
const OUTPUT_SHOWN = 4_000;

export interface GatewayOptions {
  /** Answers in place of OpenAI and DeepSeek. Without it, and without those below, the demo provider answers. */
  upstream?: { readonly url: string } | undefined;
  /** Answer in place of Anthropic and Google: bare origins. */
  anthropic?: { readonly url: string } | undefined;
  gemini?: { readonly url: string } | undefined;
  /** Laid over everything below. `PORT` is a free one, and no tier has a rate limit. */
  env?: Readonly<Record<string, string>>;
  /** Of an earlier gateway, to start again on what it has kept; a new one where absent. */
  dataDir?: string;
}

export interface Gateway {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly dataDir: string;
  readonly pid: number;
  /** All that it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly admin: Administration;
  /** The process of the embedded event store; changes when the program starts it again. Throws where there is none. */
  storePid(): number;
  /** SIGTERM; resolves with the exit code once it has ended. Throws where it does not end in time, and kills it. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves once it has ended. */
  kill(): Promise<void>;
  /** Stops it where it still runs, and removes what it has kept. */
  dispose(): Promise<void>;
}

/** Starts the program and waits until it takes requests. Throws with what it wrote where it ends before, or takes too long. */
export async function startGateway({ env = {}, dataDir: given, ...fakes }: GatewayOptions = {}): Promise<Gateway> {
  const dataDir = given ?? (await temporaryDirectory());
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN], {
    env: { ...inherited(), ...defaults(dataDir), ...providers(fakes), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const closed = once(child, 'close');
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ready = new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      const url = READY.exec(output.stdout)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (running()) child.kill(signal);
    await within(STOPPED_WITHIN_MS, closed, () => `The gateway did not end on ${signal}.${said(output)}`).catch((error) => {
      child.kill('SIGKILL');
      throw error;
    });
    return child.exitCode;
  };
  const earlyEnd = closed.then(() => {
    throw new Error(
      `The gateway ended before it was ready (${child.signalCode ?? `exit code ${child.exitCode}`}).${said(output)}`,
    );
  });
  earlyEnd.catch(() => undefined);
  const started = Promise.race([ready, earlyEnd, failed]);
  const url = await within(READY_WITHIN_MS, started, () => `The gateway was not ready in time.${said(output)}`).catch(
    async (error: Error) => {
      if (child.pid !== undefined && running()) await end('SIGKILL');
      if (given === undefined) await remove(dataDir);
      throw error;
    },
  );
  const pid = child.pid as number;
  return {
    url,
    dataDir,
    pid,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    admin: administration(url, env.ADMIN_TOKEN ?? ADMIN_TOKEN),
    storePid: () => childRunning(pid, 'embedded/event-store/main.js'),
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
    dispose: async () => {
      await end('SIGTERM').finally(() => remove(dataDir));
    },
  };
}

const inherited = () => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? tmpdir() });

const defaults = (dataDir: string) => ({
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dataDir,
  ADMIN_TOKEN,
  RATE_LIMITS: 'free=0,premium=0,enterprise=0,internal=0',
});

const providers = ({ upstream, anthropic, gemini }: Pick<GatewayOptions, 'upstream' | 'anthropic' | 'gemini'>) => ({
  ...(upstream && {
    OPENAI_API_KEY: PROVIDER_KEY,
    OPENAI_BASE_URL: upstream.url,
    DEEPSEEK_API_KEY: PROVIDER_KEY,
    DEEPSEEK_BASE_URL: upstream.url,
  }),
  ...(anthropic && { ANTHROPIC_API_KEY: PROVIDER_KEY, ANTHROPIC_BASE_URL: anthropic.url }),
  ...(gemini && { GEMINI_API_KEY: PROVIDER_KEY, GEMINI_BASE_URL: gemini.url }),
});

export interface NewKey {
  readonly key: string;
  readonly hash: string;
}

export interface Customer extends NewKey {
  readonly userId: string;
}

/** The administration API, with what most tests do not care about filled in. Throws where it answers with an error. */
export interface Administration {
  openAccount(account?: { username?: string; tier?: string }): Promise<string>;
  grant(
    userId: string,
    grant: { amount: string | number; grant_id?: string; kind?: string; expires_at?: string; priority?: number },
  ): Promise<Record<string, unknown>>;
  issueKey(
    userId: string,
    key?: { name?: string; limit?: string | number; limit_reset?: string; expires_at?: string },
  ): Promise<NewKey>;
  revokeKey(userId: string, hash: string): Promise<void>;
  /** An account with credits (10 unless told) and a key. */
  openCustomer(customer?: {
    username?: string;
    tier?: string;
    credits?: string | number;
    limit?: string | number;
  }): Promise<Customer>;
}

function administration(url: string, token: string): Administration {
  const ask = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${url}/api/v3/admin/accounts${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} /api/v3/admin/accounts${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const admin: Administration = {
    async openAccount({ username = 'somebody', tier = 'premium' } = {}) {
      return (await ask('POST', '', { username, tier }))['user_id'] as string;
    },
    grant: (userId, grant) => ask('POST', `/${userId}/grants`, { grant_id: randomUUID(), kind: 'top_up', ...grant }),
    async issueKey(userId, key = {}) {
      return (await ask('POST', `/${userId}/keys`, { name: 'test', ...key })) as unknown as NewKey;
    },
    async revokeKey(userId, hash) {
      await ask('DELETE', `/${userId}/keys/${hash}`);
    },
    async openCustomer({ credits = 10, limit, ...account } = {}) {
      const userId = await admin.openAccount(account);
      if (Number(credits) > 0) await admin.grant(userId, { amount: credits });
      return { userId, ...(await admin.issueKey(userId, limit === undefined ? {} : { limit })) };
    },
  };
  return admin;
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-'));
  // Run by root, PostgreSQL has an account of its own, which has to pass through.
  await chmod(directory, 0o755);
  return directory;
}

/** What the program started may still be writing when it was killed, until it notices. */
const remove = (directory: string) => rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });

function childRunning(parent: number, script: string): number {
  for (const line of execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')) {
    const [pid, ppid, ...args] = line.trim().split(/\s+/);
    if (Number(ppid) === parent && args.some((word) => word.endsWith(script))) return Number(pid);
  }
  throw new Error(`Process ${parent} has no child that runs ${script}`);
}

const said = ({ stdout, stderr }: { stdout: string; stderr: string }): string =>
  `\n--- stdout\n${stdout.slice(-OUTPUT_SHOWN)}\n--- stderr\n${stderr.slice(-OUTPUT_SHOWN)}`;

async function within<T>(milliseconds: number, promise: Promise<T>, message: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
