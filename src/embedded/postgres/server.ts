import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseAccount } from './account.js';
import { findBinaries } from './binaries.js';
import { type Cluster, openCluster } from './cluster.js';
import { stopOrphan } from './orphan.js';
import { claimFolder } from './owner.js';
import { launch, type Postmaster, type PostmasterExit } from './postmaster.js';

export interface Postgres {
  /** postgres://user:password@127.0.0.1:PORT/dbname. Holds the password: not for logs. */
  url: string;
  pid: number;
  /** Settles once, when the server has ended: after close() with `asked: true`, otherwise it ended by itself. */
  exited: Promise<PostmasterExit>;
  /** Disconnects everyone, writes all to disk, and returns when no process is left. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a real PostgreSQL whose cluster lives in `dataDir`, and creates the cluster first if there is none.
 * Throws an Error with a sentence for the operator: no binaries for this platform, the folder in use by another program or owned
 * by another user, a cluster of another PostgreSQL version, or what the server itself said.
 */
export async function startPostgres(options: { dataDir: string; log?: (line: string) => void }): Promise<Postgres> {
  const dataDir = resolve(options.dataDir);
  const log = options.log ?? (() => {});
  const account = await chooseAccount(join(dataDir, 'cluster'));
  // Others may pass through, for a server under another account, but not look around.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const claim = await claimFolder(dataDir);
  try {
    const binaries = await findBinaries(account, dataDir);
    const cluster = await openCluster({ dataDir, binaries, account });
    const stalePid = await stopOrphan(cluster);
    const { postmaster, port } = await launchOnFreePort(cluster, stalePid, log);
    return {
      url: `postgres://${cluster.user}:${cluster.password}@127.0.0.1:${port}/postgres`,
      pid: postmaster.pid,
      exited: postmaster.exited,
      close: async () => {
        await postmaster.stop();
        await claim.release();
      },
    };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

const PORTS_TRIED_MAX = 5;
const BACKENDS_GONE_TIMEOUT_MS = 10_000;

/** PostgreSQL cannot be told to take any free port: one is looked up, and another if somebody was faster. */
async function launchOnFreePort(
  cluster: Cluster,
  stalePid: number | undefined,
  log: (line: string) => void,
): Promise<{ postmaster: Postmaster; port: number }> {
  const deadline = Date.now() + BACKENDS_GONE_TIMEOUT_MS;
  for (let portsTried = 1; ; ) {
    const port = await freePort();
    const outcome = await launch({ cluster, port, stalePid, log });
    if ('pid' in outcome) return { postmaster: outcome, port };
    if (outcome.refusal === 'port_taken' && portsTried < PORTS_TRIED_MAX) {
      portsTried += 1;
    } else if (outcome.refusal === 'backends_still_running' && Date.now() < deadline) {
      // Backends outlive a killed postmaster for a moment; two generations must not write to one cluster.
      await delay(50);
    } else {
      throw new Error(`PostgreSQL did not start in ${cluster.folder}:\n${outcome.said}`);
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening, failed) => probe.once('error', failed).listen(0, '127.0.0.1', listening));
  const { port } = probe.address() as AddressInfo;
  await new Promise((closed) => probe.close(closed));
  return port;
}
