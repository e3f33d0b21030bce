import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Account } from './account.js';

/** A shell that waits for the end of a pipe only this process holds: even SIGKILL closes it, and the server is asked to stop. */
export function stopWhenThisProcessEnds(pid: number, account: Account): { end(): Promise<void> } {
  const watchdog = spawn('/bin/sh', ['-c', 'trap "" HUP INT TERM; read -r _; kill -INT "$1"', 'postgres-watchdog', String(pid)], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a watchdog (no more processes allowed) the server works, and the next start stops it if need be.
  watchdog.on('error', () => {});
  watchdog.unref();
  (watchdog.stdin as Socket | null)?.unref();
  return { end: () => kill(watchdog) };
}

async function kill(watchdog: ChildProcess): Promise<void> {
  if (watchdog.pid === undefined || watchdog.exitCode !== null || watchdog.signalCode !== null) return;
  watchdog.ref();
  watchdog.kill('SIGKILL');
  await once(watchdog, 'exit');
}
