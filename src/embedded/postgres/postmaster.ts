import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Account } from './account.js';
import { type Cluster, ownNameOf, SERVER_ENVIRONMENT } from './cluster.js';
import { serverSettings } from './settings.js';
import { stopWhenThisProcessEnds } from './watchdog.js';

export interface PostmasterExit {
  /** Whether stop() was called: false is a crash, or a kill from outside. */
  asked: boolean;
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Postmaster {
  pid: number;
  exited: Promise<PostmasterExit>;
  stop(): Promise<void>;
}

export interface Refused {
  refusal: 'port_taken' | 'backends_still_running' | 'other';
  said: string;
}

const FAST_SHUTDOWN_TIMEOUT_MS = 20_000;
/** Enough for the reason of a failed start; later lines go to the log only. */
const SAID_LINES_MAX = 50;

/** Starts the server and returns when it accepts connections, or what it said when it would not. */
export async function launch(start: {
  cluster: Cluster;
  port: number;
  stalePid: number | undefined;
  log: (line: string) => void;
}): Promise<Postmaster | Refused> {
  const { cluster, port, stalePid, log } = start;
  const args = ['-D', ownNameOf(cluster.folder, cluster.account), ...serverSettings(port).flatMap((setting) => ['-c', setting])];
  const child = spawn(join(cluster.binaries.folder, 'bin', 'postgres'), args, {
    ...cluster.account,
    cwd: cluster.folder,
    // A session of its own: Ctrl-C reaches the whole foreground group, and the server must outlive the API's last requests.
    detached: true,
    // The id in a stale postmaster.pid may by now be any process. This variable tells the server which id to take for dead; it
    // still checks by itself that no backend of the dead server uses the cluster (CreateLockFile in PostgreSQL's miscinit.c).
    env: stalePid === undefined ? SERVER_ENVIRONMENT : { ...SERVER_ENVIRONMENT, PG_GRANDPARENT_PID: String(stalePid) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    return { refusal: 'other', said: error.message };
  }
  let asked = false;
  const exited = endOf(child, child.pid, cluster.account).then((end) => ({ asked, ...end }));
  const { ready, said } = listen(child.stderr, log);
  if ((await Promise.race([ready, once(child, 'close')])) !== 'ready') {
    await exited;
    return { refusal: refusalOf(said.join('\n')), said: said.join('\n') };
  }
  // From here on nothing of the server keeps this process alive; when it ends, the watchdog stops the server.
  child.unref();
  (child.stderr as Socket).unref();
  const stop = async () => {
    if (!asked) {
      asked = true;
      child.ref();
      child.kill('SIGINT');
      // Immediate shutdown loses nothing either: the next start recovers from the log.
      const impatience = setTimeout(() => child.kill('SIGQUIT'), FAST_SHUTDOWN_TIMEOUT_MS);
      exited.then(() => clearTimeout(impatience));
    }
    await exited;
  };
  return { pid: child.pid, exited, stop };
}

/** Settles when the server has ended and its watchdog, which must not outlive its process id, has too. */
async function endOf(child: ChildProcess, pid: number, account: Account): Promise<Omit<PostmasterExit, 'asked'>> {
  const watchdog = stopWhenThisProcessEnds(pid, account);
  return new Promise((settle) => {
    child.once('exit', async (code, signal) => {
      await watchdog.end();
      settle({ code, signal });
    });
  });
}

function listen(stderr: Readable, log: (line: string) => void): { ready: Promise<'ready'>; said: string[] } {
  const said: string[] = [];
  const ready = new Promise<'ready'>((settle) => {
    createInterface({ input: stderr }).on('line', (line) => {
      log(line);
      if (said.length < SAID_LINES_MAX) said.push(line);
      if (line.includes('database system is ready to accept connections')) settle('ready');
    });
  });
  return { ready, said };
}

function refusalOf(said: string): Refused['refusal'] {
  if (said.includes('could not bind')) return 'port_taken';
  if (said.includes('pre-existing shared memory block')) return 'backends_still_running';
  return 'other';
}
