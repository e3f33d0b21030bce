import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from './account.js';
import type { Binaries } from './binaries.js';

export interface Cluster {
  /** PostgreSQL's data directory. */
  folder: string;
  binaries: Binaries;
  account: Account;
  user: string;
  password: string;
}

const USER = 'postgres';
/** Nothing of the caller's: PGPORT, PGDATA or a translated LC_MESSAGES would change what the server does and says. */
export const SERVER_ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * How the server is told where its data directory is; it is started inside it. Root can start it in a folder whose parents the
 * server's account may not enter, and Linux has a name for that folder which does not lead through the parents.
 */
export function ownNameOf(folder: string, account: Account): string {
  return 'uid' in account && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

/** The cluster of `dataDir`; creates it if there is none. Throws with what initdb said, or that the versions differ. */
export async function openCluster(place: { dataDir: string; binaries: Binaries; account: Account }): Promise<Cluster> {
  const home = join(place.dataDir, 'cluster');
  const folder = join(home, 'pgdata');
  await removeUnfinished(place.dataDir);
  const major = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(unlessMissing);
  if (major === undefined) {
    await createCluster(place, home);
  } else if (major.trim() !== place.binaries.major) {
    throw new Error(
      `The cluster in ${folder} was made by PostgreSQL ${major.trim()}, and this is PostgreSQL ${place.binaries.major}: ` +
        `move it with pg_upgrade or pg_dump, delete ${home} to start afresh, or set DATABASE_URL.`,
    );
  }
  const password = (await readFile(join(home, 'password'), 'utf8')).trim();
  return { folder, binaries: place.binaries, account: place.account, user: USER, password };
}

/** Password and data directory appear together by one rename, or not at all: an interrupted initdb leaves no cluster. */
async function createCluster(place: { dataDir: string; binaries: Binaries; account: Account }, home: string): Promise<void> {
  const unfinished = await mkdtemp(join(place.dataDir, UNFINISHED));
  const folder = join(unfinished, 'pgdata');
  await mkdir(folder, { mode: 0o700 });
  const password = join(unfinished, 'password');
  await writeFile(password, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flush: true });
  for (const path of [unfinished, folder, password]) {
    if ('uid' in place.account) await chown(path, place.account.uid, place.account.gid);
  }
  await initdb(place.binaries, place.account, folder);
  await rename(unfinished, home);
  const parent = await open(place.dataDir);
  await parent.sync().finally(() => parent.close());
}

async function initdb(binaries: Binaries, account: Account, folder: string): Promise<void> {
  const args = [
    '--username',
    USER,
    '--pwfile',
    '../password',
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
    '--no-instructions',
  ];
  // The built-in locale sorts alike on every machine and does not change with the system's libraries.
  const locale = ['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'];
  const child = spawn(join(binaries.folder, 'bin', 'initdb'), ['--pgdata', ownNameOf(folder, account), ...args, ...locale], {
    ...account,
    cwd: folder,
    env: SERVER_ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const failure = await new Promise<string | undefined>((ended) => {
    child.once('error', (error) => ended(error.message));
    child.once('close', (code, signal) => ended(code === 0 ? undefined : `${said.trim()} (${signal ?? `exit code ${code}`})`));
  });
  if (failure !== undefined) throw new Error(`PostgreSQL's initdb failed in ${folder}: ${failure}`);
}

const UNFINISHED = 'unfinished-';

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith(UNFINISHED)) await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
