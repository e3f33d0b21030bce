import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { worksIn } from './running-process.js';

const FAST_SHUTDOWN_TIMEOUT_MS = 20_000;
const IMMEDIATE_SHUTDOWN_TIMEOUT_MS = 40_000;

/**
 * Stops a server that still runs on this cluster although the program that started it is gone, which happens only if its watchdog
 * was killed too. A process is ours if it works inside the data directory; the id in postmaster.pid alone proves nothing.
 * Returns the id in a postmaster.pid that names no server of ours, so that the new server is not misled by it.
 */
export async function stopOrphan(cluster: Cluster): Promise<number | undefined> {
  const text = await readFile(join(cluster.folder, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Math.abs(Number.parseInt(text, 10));
  if (!(pid > 1)) return undefined;
  const startedAt = Date.now();
  let sent: NodeJS.Signals | undefined;
  while (await worksIn(pid, cluster.folder, cluster.account)) {
    const elapsed = Date.now() - startedAt;
    if (elapsed > IMMEDIATE_SHUTDOWN_TIMEOUT_MS)
      throw new Error(`PostgreSQL, process ${pid}, runs in ${cluster.folder} and does not stop.`);
    const signal = elapsed > FAST_SHUTDOWN_TIMEOUT_MS ? 'SIGQUIT' : 'SIGINT';
    if (signal !== sent) signalProcess(pid, signal);
    sent = signal;
    await delay(20);
  }
  return sent === undefined ? pid : undefined;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
