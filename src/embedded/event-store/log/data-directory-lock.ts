/**
 * One writer per data directory. Each owner leaves a lock file that names it; the one with the highest number counts, and whoever
 * finds its owner gone creates the next number, which link(2) lets one process alone do. The highest is never removed, so that
 * nobody can mistake a lock just taken for the one found before.
 *
 * Whether an owner lives: it holds a socket in the directory open, its door, and the system closes that together with the process.
 * So it can be asked from another container, where its process id means nothing or means another process. Where a door cannot be
 * had, the process id has to do, together with the time when the process began.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const LOCK_FILE = 'node.lock';
/** The first versions had one lock file, without a number. */
const NUMBERED = /^node\.lock(?:\.(\d{1,14}))?$/;
const DOOR = /^node\.lock\.[0-9a-f-]{36}\.door$/;
const NO_DOOR = '-';

interface Owner {
  readonly pid: number;
  readonly start: string;
  readonly door: string;
}

/** Resolves with how to give the directory back. Rejects when a living process has it. */
export async function lockDataDirectory(dataDir: string): Promise<() => void> {
  makeDirectory(dataDir);
  const door = await openDoor(dataDir);
  const candidate = join(dataDir, `${LOCK_FILE}.${randomUUID()}`);
  let lock: number | undefined;
  const giveBack = (): void => {
    // The file that was taken, wherever it is by now: another directory may be in the place of this one.
    if (lock !== undefined) {
      ftruncateSync(lock);
      closeSync(lock);
    }
    door.close();
  };
  try {
    lock = openSync(candidate, 'wx');
    writeSync(lock, `${process.pid} ${startOf(process.pid)} ${door.name}\n`);
    await take(dataDir, candidate);
    return giveBack;
  } catch (error) {
    giveBack();
    throw error;
  } finally {
    rmSync(candidate, { force: true });
  }
}

function makeDirectory(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new Error(`The directory ${dataDir} cannot be made: ${(error as Error).message}.`);
  }
}

/** The id of the process that has the directory, as it knows itself; undefined where none has. */
export async function ownerOf(dataDir: string): Promise<number | undefined> {
  const newest = newestLock(dataDir);
  return newest && livingOwner(dataDir, newest);
}

/** Resolves when the candidate is the lock. */
async function take(dataDir: string, candidate: string): Promise<void> {
  for (;;) {
    const newest = newestLock(dataDir);
    const pid = newest && (await livingOwner(dataDir, newest));
    if (pid !== undefined) {
      const inUse = `The event store in ${dataDir} is in use by process ${pid}.`;
      throw new Error(`${inUse} Stop that process, or choose another directory.`);
    }
    const number = (newest?.number ?? 0) + 1;
    const lock = join(dataDir, `${LOCK_FILE}.${number}`);
    if (!tryLink(candidate, lock)) continue;
    // Others may have been further already, and have removed a lock of this number.
    if (newestLock(dataDir)?.number === number) return removeBefore(dataDir, number);
    rmSync(lock, { force: true });
  }
}

interface Lock {
  readonly path: string;
  readonly number: number;
  /** Else nobody has left it here as a lock; but no lock can have its name. */
  readonly isFile: boolean;
}

const locksIn = (dataDir: string): Lock[] =>
  readdirSync(dataDir, { withFileTypes: true }).flatMap((entry) => {
    const match = NUMBERED.exec(entry.name);
    return match ? [{ path: join(dataDir, entry.name), number: Number(match[1] ?? 0), isFile: entry.isFile() }] : [];
  });

const newestLock = (dataDir: string): Lock | undefined => locksIn(dataDir).sort((a, b) => b.number - a.number)[0];

async function removeBefore(dataDir: string, number: number): Promise<void> {
  for (const lock of locksIn(dataDir)) {
    if (lock.number >= number || !lock.isFile) continue;
    const door = ownerIn(lock.path)?.door ?? NO_DOOR;
    // An open one is that of a process that comes too late with this number, and will try another.
    if (DOOR.test(door) && !(await isOpen(dataDir, door))) rmSync(join(dataDir, door), { force: true });
    rmSync(lock.path, { force: true });
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

/** Undefined where the directory was given back. */
function ownerIn(lock: string): Owner | undefined {
  const [pid, start = '', door = NO_DOOR] = readIfPresent(lock)?.trim().split(' ') ?? [];
  return Number(pid) > 0 ? { pid: Number(pid), start, door } : undefined;
}

async function livingOwner(dataDir: string, { path }: Lock): Promise<number | undefined> {
  const owner = ownerIn(path);
  if (!owner) return undefined;
  const { pid, start, door } = owner;
  const isAlive = DOOR.test(door) ? await isOpen(dataDir, door) : isRunning(pid, start);
  return isAlive ? pid : undefined;
}

interface Door {
  readonly name: string;
  close(): void;
}

async function openDoor(dataDir: string): Promise<Door> {
  const none = { name: NO_DOOR, close: () => {} };
  // Elsewhere a socket's path may be too long, and there are no containers that share a kernel.
  if (process.platform !== 'linux') return none;
  const name = `${LOCK_FILE}.${randomUUID()}.door`;
  const directory = openSync(dataDir, 'r');
  const server = createServer((visitor) => visitor.destroy()).unref();
  try {
    server.listen({ path: doorPath(directory, name), exclusive: true });
    await once(server, 'listening');
  } catch {
    // A file system without sockets.
    closeSync(directory);
    return none;
  }
  server.on('error', () => {});
  const close = (): void => {
    server.close();
    closeSync(directory);
  };
  return { name, close };
}

async function isOpen(dataDir: string, name: string): Promise<boolean> {
  const directory = openSync(dataDir, 'r');
  const visitor = connect(doorPath(directory, name));
  try {
    await once(visitor, 'connect');
    return true;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (['ECONNREFUSED', 'ENOENT'].includes(code)) return false;
    // So many stand before it that there is no room for another.
    if (code === 'EAGAIN') return true;
    // It was closed at this moment.
    if (code === 'ECONNRESET') return isOpen(dataDir, name);
    throw new Error(`Whether another process uses ${dataDir} cannot be told, by its file ${name}: ${message}.`);
  } finally {
    visitor.destroy();
    closeSync(directory);
  }
}

/** The path of a socket may have 107 bytes; this one is short wherever the directory is. */
const doorPath = (directory: number, name: string): string => `/proc/self/fd/${directory}/${name}`;

function isRunning(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: alive, under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return startOf(pid) === start;
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
