import { setTimeout as delay } from 'node:timers/promises';
import type { Cell, CellResult, Quantiles } from './cell.js';
import { type Connection, connect, type Exchange } from './connection.js';

/** Runs one cell to its end, calls under way included. */
export async function runCell(cell: Cell): Promise<CellResult> {
  const connections = Array.from({ length: cell.connections }, (_, index) => connect(cell.port, requestBytes(cell, index)));
  const tally = new Tally(cell);
  await (cell.rate === undefined ? closedLoop(cell, connections, tally) : openLoop(cell, cell.rate, connections, tally));
  for (const connection of connections) connection.close();
  return tally.result();
}

/** Every connection calls again as soon as it is answered: measures capacity and cost. */
async function closedLoop({ spreadMs = 0 }: Cell, connections: Connection[], tally: Tally): Promise<void> {
  const repeat = async (connection: Connection, index: number) => {
    if (spreadMs > 0) await delay((spreadMs * index) / connections.length);
    while (tally.mayBegin()) {
      // A lost connection is not replaced: a run in which one is lost is to be looked into, not averaged.
      if (!(await tally.record(connection, performance.now()))) return;
    }
  };
  await Promise.all(connections.map(repeat));
}

/**
 * Calls at a fixed rate whatever the server does. Latency counts from the moment a call was due, so that a server that
 * stalls cannot hide the calls that had to wait for a connection.
 */
async function openLoop({ callsMax }: Cell, rate: number, connections: Connection[], tally: Tally): Promise<void> {
  const idle = [...connections];
  const waiting: number[] = [];
  const underWay = new Set<Promise<void>>();
  const serve = async (connection: Connection, dueAt: number) => {
    for (let next: number | undefined = dueAt; next !== undefined; next = waiting.shift()) {
      if (!(await tally.record(connection, next))) return;
    }
    idle.push(connection);
  };
  for (let due = 0; tally.mayBegin(); await delay(1)) {
    const now = performance.now();
    for (const planned = Math.min(callsMax, (now - tally.startedAt) * (rate / 1000)); due < planned; due++) {
      const connection = idle.pop();
      if (connection === undefined) waiting.push(now);
      else {
        const served: Promise<void> = serve(connection, now).finally(() => underWay.delete(served));
        underWay.add(served);
      }
    }
  }
  await Promise.all(underWay);
}

class Tally {
  readonly startedAt = performance.now();
  private readonly latencies: number[] = [];
  private readonly firstData: number[] = [];
  private readonly errors: Record<string, number> = {};
  private begun = 0;
  private events = 0;

  constructor(private readonly cell: Cell) {}

  mayBegin(): boolean {
    return this.begun < this.cell.callsMax && performance.now() < this.startedAt + this.cell.seconds * 1000;
  }

  /** Makes one call and keeps what it showed; false when the connection is gone. */
  async record(connection: Connection, dueAt: number): Promise<boolean> {
    this.begun++;
    try {
      const exchange = await connection.call();
      const problem = problemOf(exchange, this.cell);
      if (problem !== undefined) this.fail(problem);
      this.latencies.push(exchange.endedAt - dueAt);
      this.firstData.push(exchange.firstDataAt - dueAt);
      this.events += exchange.events;
      return true;
    } catch (error) {
      this.fail(String(error));
      return false;
    }
  }

  result(): CellResult {
    return {
      completed: this.latencies.length,
      errors: this.errors,
      elapsedMs: performance.now() - this.startedAt,
      events: this.events,
      latencyMs: quantiles(this.latencies),
      firstDataMs: quantiles(this.firstData),
    };
  }

  private fail(reason: string): void {
    this.errors[reason] = (this.errors[reason] ?? 0) + 1;
  }
}

function requestBytes({ port, keys, path = '/v1/chat/completions', method = 'POST', body }: Cell, index: number): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${keys[index % keys.length]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** What the last events of a whole stream hold: of a chat completion, and of a message. */
const LAST_WORDS = ['[DONE]', 'message_stop'];

function problemOf({ status, tail }: Exchange, { stream }: Cell): string | undefined {
  if (status !== 200) return `status ${status}: ${tail}`;
  return stream === true && !LAST_WORDS.some((word) => tail.includes(word)) ? 'stream without its end' : undefined;
}

function quantiles(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
