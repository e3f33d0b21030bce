/**
 * One writer per data directory. The lock is a file that names its owner; it is created by link(2), whole or not at all.
 * A process id alone does not identify a process: a container restarts with the same ones. Where the system tells when a
 * process began, that is compared too.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOCK_FILE = 'node.lock';

/** Returns how to give the directory back. Throws when a living process has it. */
export function lockDataDirectory(dataDir: string): () => void {
  makeDirectory(dataDir);
  const lock = join(dataDir, LOCK_FILE);
  const mine = `${process.pid} ${startOf(process.pid)}\n`;
  const candidate = `${lock}.${process.pid}`;
  writeFileSync(candidate, mine);
  try {
    while (!tryLink(candidate, lock)) removeStale(dataDir, lock);
  } finally {
    rmSync(candidate, { force: true });
  }
  return () => {
    if (readIfPresent(lock) === mine) rmSync(lock);
  };
}

function makeDirectory(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new Error(`The directory ${dataDir} cannot be made: ${(error as Error).message}.`);
  }
}

function tryLink(candidate: string, lock: string): boolean {
  try {
    linkSync(candidate, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead owner's lock aside; if another node was quicker and the file moved is its own, it is put back. */
function removeStale(dataDir: string, lock: string): void {
  const owner = readIfPresent(lock);
  if (owner === undefined) return;
  if (isAlive(owner)) {
    const pid = owner.split(' ')[0];
    throw new Error(`The event store in ${dataDir} is in use by process ${pid}. Stop that process, or choose another directory.`);
  }
  const aside = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (readIfPresent(aside) !== owner) tryLink(aside, lock);
  rmSync(aside, { force: true });
}

function isAlive(owner: string): boolean {
  const [pid, start] = owner.trim().split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: alive, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startOf(Number(pid)) === start;
}

/** When the process began, in the kernel's terms and for this boot; a constant where the system does not tell. */
function startOf(pid: number): string {
  const bootId = readIfPresent('/proc/sys/kernel/random/boot_id')?.trim();
  // The command, in parentheses, may contain spaces; the start time is the 20th field after it.
  const ticks = readIfPresent(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19];
  return bootId && ticks ? `${bootId}:${ticks}` : 'unknown';
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
