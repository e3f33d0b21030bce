/** Balances asked at a fixed rate from one real process with everything on. */
import { fileURLToPath } from 'node:url';
import type { Figure, Options, SectionResult } from '../figures.js';
import { startGateway } from '../gateway.js';
import type { CellResult } from '../load/cell.js';
import { startLoadGenerator, startUpstream } from '../processes.js';

const PATHS = ['/quota', '/api/v3/auth/credit-balance'] as const;
const ACCOUNTS = 64;
const REQUESTS_PER_SECOND = 1_000;
const P99_TARGET_MS = 5;

export async function quota({ quick, workFolder }: Options): Promise<SectionResult> {
  const upstream = await startUpstream();
  const load = startLoadGenerator();
  const command = [process.execPath, '--max-old-space-size=1024', fileURLToPath(new URL('../../src/main.js', import.meta.url))];
  const gateway = await startGateway({ command, standIn: false, upstreamPort: upstream.port, workFolder });
  try {
    const keys = await gateway.openAccounts(ACCOUNTS);
    const seconds = quick ? 3 : 10;
    const ask = (path: string, lasting: number) =>
      load.run({
        port: gateway.port,
        keys,
        path,
        method: 'GET',
        body: '',
        connections: ACCOUNTS,
        seconds: lasting,
        callsMax: Number.MAX_SAFE_INTEGER,
        rate: REQUESTS_PER_SECOND,
      });
    for (const path of PATHS) await ask(path, 3);
    const rounds: Record<string, CellResult[]> = {};
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      for (const path of PATHS) rounds[path] = [...(rounds[path] ?? []), await ask(path, seconds)];
      process.stderr.write('.');
    }
    return {
      figures: Object.entries(rounds).flatMap(([path, results]) => figuresOf(path, results)),
      rounds,
      errors: Object.entries(rounds).flatMap(([path, results]) => results.flatMap((result) => errorsOf(path, result))),
    };
  } finally {
    load.stop();
    await gateway.stop();
    upstream.stop();
  }
}

/** Of the best round: what slows one of them is the machine's. */
function figuresOf(path: string, results: readonly CellResult[]): Figure[] {
  const best = results.reduce((a, b) => (b.latencyMs.p99 < a.latencyMs.p99 ? b : a));
  const note = `${((best.completed / best.elapsedMs) * 1_000).toFixed(0)} requests/s`;
  return [
    { figure: `GET ${path}: p50`, value: best.latencyMs.p50, unit: 'ms', digits: 2, note },
    { figure: `GET ${path}: p99`, value: best.latencyMs.p99, unit: 'ms', digits: 2, note, target: { below: P99_TARGET_MS } },
  ];
}

const errorsOf = (path: string, { errors }: CellResult): string[] =>
  Object.entries(errors).map(([reason, times]) => `GET ${path}: ${times} x ${reason}`);
