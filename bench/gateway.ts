/** The server under measurement: how it is started, given accounts, and asked for its counters. */
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type ServerProcess, startServer } from './processes.js';

const ADMIN_TOKEN = 'bench-admin-token';
const CREDITS_EACH = '10000';

export interface Gateway extends ServerProcess {
  /** Keys of as many accounts, each with credits. */
  openAccounts(count: number): Promise<string[]>;
  counters(): Promise<Counters>;
}

export interface Counters {
  appends: number;
  events: number;
}

export interface GatewayOptions {
  command: string[];
  /** A stand-in has no administration API: any key will do, and it counts nothing. */
  standIn: boolean;
  upstreamPort: number;
  /** Data and logs go below it. */
  workFolder: string;
  /** Laid over the environment that every server gets. */
  env?: Record<string, string>;
}

export async function startGateway({
  command,
  standIn,
  upstreamPort,
  workFolder,
  env: laidOver,
}: GatewayOptions): Promise<Gateway> {
  const folder = mkdtempSync(join(workFolder, 'server-'));
  // The embedded PostgreSQL may run as a user of its own, which has to pass through.
  chmodSync(folder, 0o755);
  const upstream = `http://127.0.0.1:${upstreamPort}`;
  const env = {
    HOST: '127.0.0.1',
    DATA_DIR: join(folder, 'data'),
    ADMIN_TOKEN,
    OPENAI_API_KEY: 'sk-upstream',
    OPENAI_BASE_URL: `${upstream}/v1`,
    ANTHROPIC_API_KEY: 'sk-upstream',
    ANTHROPIC_BASE_URL: upstream,
    GEMINI_API_KEY: 'sk-upstream',
    GEMINI_BASE_URL: upstream,
    RATE_LIMITS: 'free=0,premium=0,enterprise=0,internal=0',
    LOG_LEVEL: 'info',
    ...laidOver,
  };
  const server = await startServer(command, env, join(folder, 'server.log'));
  const admin = (path: string, body: object) => post(`http://127.0.0.1:${server.port}/api/v3/admin/accounts${path}`, body);
  const openAccount = async (number: number): Promise<string> => {
    const { user_id: account } = await admin('', { username: `bench-${number}`, tier: 'premium' });
    await admin(`/${account}/grants`, { grant_id: `bench-${number}`, amount: CREDITS_EACH, kind: 'top_up' });
    const { key } = await admin(`/${account}/keys`, { name: 'bench' });
    if (key === undefined) throw new Error(`no key for account ${account}`);
    return key;
  };
  let accounts = 0;
  return {
    ...server,
    async openAccounts(count) {
      if (standIn) return Array<string>(count).fill('sk-stand-in');
      const keys: string[] = [];
      while (keys.length < count) keys.push(await openAccount(accounts++));
      return keys;
    },
    counters: async () => (standIn ? { appends: Number.NaN, events: Number.NaN } : readCounters(server.port)),
  };
}

async function post(url: string, body: object): Promise<Record<string, string>> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, string>;
}

async function readCounters(port: number): Promise<Counters> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  const text = await answer.text();
  return { appends: sumOf(text, 'event_store_appends_total'), events: sumOf(text, 'event_store_events_appended_total') };
}

/** Sums a counter over its label sets; NaN when the server does not have it. */
function sumOf(text: string, name: string): number {
  const samples = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))];
  return samples.length === 0 ? Number.NaN : samples.reduce((sum, [, value]) => sum + Number(value), 0);
}
