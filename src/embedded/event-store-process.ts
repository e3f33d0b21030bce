import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ownerOf } from './event-store/log/data-directory-lock.js';

export interface EventStoreProcess {
  /** `esdb://…`; the same for as long as this program runs. */
  readonly connectionString: string;
  close(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL('./event-store/main.js', import.meta.url));
/** Where the node of a data directory answers, for other programs on this machine: its address and its process. */
const ADDRESS_FILE = 'address';
const RESTART_DELAY_MS = 200;
const IN_USE_ATTEMPTS_MAX = 25;
const RESTART_DELAY_MAX_MS = 5_000;

/**
 * Runs the embedded event store in a process of its own and starts it again, on the same port, whenever it dies. It is detached
 * from the terminal, so that Ctrl-C reaches this program alone, which stops the store last; it ends by itself if we die.
 */
export async function startEventStoreProcess(dataDir: string, log: (line: string) => void): Promise<EventStoreProcess> {
  let closing = false;
  let failures = 0;
  let child: ChildProcess;

  const start = async (port: number): Promise<number> => {
    child = fork(ENTRY, ['--data-dir', dataDir, '--port', String(port)], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const messages: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      messages.push(text);
      log(text.trimEnd());
    });
    const [outcome] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [{ port?: number } | number | null];
    if (typeof outcome !== 'object' || outcome?.port === undefined) {
      throw new Error(`the embedded event store did not start:\n${messages.join('').trim()}`);
    }
    failures = 0;
    writeAddress(dataDir, outcome.port, child.pid as number);
    child.once('exit', (code, signal) => {
      if (!closing) restart(outcome.port as number, `${signal ?? `status ${code}`}`);
    });
    return outcome.port;
  };

  const restart = (port: number, how: string): void => {
    log(`the embedded event store ended (${how}); starting it again`);
    const attempt = () => {
      if (closing) return;
      start(port).catch((error: Error) => {
        failures += 1;
        log(error.message);
        setTimeout(attempt, Math.min(RESTART_DELAY_MS * 2 ** failures, RESTART_DELAY_MAX_MS));
      });
    };
    attempt();
  };

  // The store of a program that was killed ends by itself a moment later, and until then holds the directory.
  const firstStart = async (attempt = 1): Promise<number> => {
    try {
      return await start(0);
    } catch (error) {
      if (attempt > IN_USE_ATTEMPTS_MAX || !/ is in use /.test((error as Error).message)) throw error;
      await delay(RESTART_DELAY_MS);
      return firstStart(attempt + 1);
    }
  };
  const port = await firstStart();
  return {
    connectionString: connectionStringOf(port),
    async close() {
      closing = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const connectionStringOf = (port: number): string => `esdb://127.0.0.1:${port}?tls=false`;

const writeAddress = (dataDir: string, port: number, pid: number): void =>
  writeFileSync(join(dataDir, ADDRESS_FILE), `${connectionStringOf(port)}\n${pid}\n`);

/**
 * The address of the node that runs on a data directory; undefined where none does. The address is believed only where the process
 * that it names lives and has the directory: another store may have its port by now.
 */
export async function findEventStoreProcess(dataDir: string): Promise<string | undefined> {
  try {
    const [address, pid] = readFileSync(join(dataDir, ADDRESS_FILE), 'utf8').split('\n');
    return address && (await ownerOf(dataDir)) === Number(pid) ? address : undefined;
  } catch {
    return undefined;
  }
}
