/**
 * Loaded into a server with `--import`: watches how late its event loop is for a timer, and tells whoever connects to the socket
 * that LOOP_PROBE names what it has seen since it was last asked. Time for which the thread could run and another process had the
 * core is taken off (Linux counts it in schedstat): what is left is what the server itself did meanwhile.
 */
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { loopDelayOf } from './loop-delay.js';

const EVERY_MS = 5;
const NS_PER_MS = 1e6;

const socket = process.env.LOOP_PROBE;
// The server's own workers and children load this too, and are not meant.
delete process.env.LOOP_PROBE;
if (socket !== undefined && isMainThread) watch(socket);

function watch(path: string): void {
  let late: number[] = [];
  let last = { at: performance.now(), waited: waitedMs() };
  setInterval(() => {
    const now = { at: performance.now(), waited: waitedMs() };
    late.push(Math.max(0, now.at - last.at - EVERY_MS - (now.waited - last.waited)));
    last = now;
  }, EVERY_MS).unref();
  const server = createServer((asking) => {
    asking.on('error', () => undefined).end(JSON.stringify(loopDelayOf(late)));
    late = [];
  });
  server.listen(path).unref();
  process.on('exit', () => rmSync(path, { force: true }));
}

/** The second figure of schedstat: nanoseconds on the run queue. */
function waitedMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / NS_PER_MS;
}
