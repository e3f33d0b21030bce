/** Read models built again from the first event: each alone, and all with one reading of the log. */
import { openDatabase } from '../../projections/runtime/database.js';
import { rebuildAll } from '../../projections/runtime/rebuild/rebuild-run.js';
import type { AnyProjectionDefinition } from '../../projections/runtime/stored-projection.js';
import type { Figure, Options, SectionResult } from '../figures.js';
import { type CpuTimes, cpuTimes } from '../process-facts.js';
import { ALL_PROJECTIONS, cpuNote, cpuSince, type Stores, withStores, writeCalls } from './stores.js';

const ACCOUNTS = 400;
const WRITING_SECONDS = 20;
const TARGET_EVENTS_PER_SECOND = 20_000;

interface Rebuilt {
  readonly events: number;
  readonly elapsedMs: number;
  readonly cpu: CpuTimes;
}

export async function rebuild({ quick, workFolder }: Options): Promise<SectionResult> {
  return withStores(workFolder, async (stores) => {
    const { connectionString } = stores;
    await writeCalls({ connectionString, accounts: ACCOUNTS, inFlight: 256, seconds: quick ? 4 : WRITING_SECONDS });
    const cells: [string, readonly AnyProjectionDefinition[]][] = [
      ['all projections', ALL_PROJECTIONS],
      ...ALL_PROJECTIONS.map((one): [string, AnyProjectionDefinition[]] => [one.projection.name, [one]]),
    ];
    const rounds: Record<string, Rebuilt[]> = {};
    // In turn, and the best of the rounds: what slows one of them is the machine's.
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      for (const [name, definitions] of cells) {
        rounds[name] = [...(rounds[name] ?? []), await rebuilt(stores, definitions)];
        process.stderr.write('.');
      }
    }
    return { figures: Object.entries(rounds).map(([name, of]) => figureOf(name, of)), rounds, errors: [] };
  });
}

async function rebuilt({ databaseUrl, store }: Stores, definitions: readonly AnyProjectionDefinition[]): Promise<Rebuilt> {
  const dataSource = await openDatabase(databaseUrl, ALL_PROJECTIONS);
  try {
    const cpu = cpuTimes(process.pid);
    const startedAt = performance.now();
    const events = await rebuildAll(dataSource, store, definitions, { anew: true });
    return { events, elapsedMs: performance.now() - startedAt, cpu: cpuSince(cpu) };
  } finally {
    await dataSource.destroy();
  }
}

const speed = ({ events, elapsedMs }: Rebuilt): number => (events / elapsedMs) * 1_000;

function figureOf(name: string, rounds: readonly Rebuilt[]): Figure {
  const best = rounds.reduce((a, b) => (speed(b) > speed(a) ? b : a));
  return {
    figure: `${name} rebuilt from ${best.events} events`,
    value: speed(best),
    unit: 'events/s',
    note: cpuNote(best.cpu, best.events),
    ...(name === 'all projections' && { target: { atLeast: TARGET_EVENTS_PER_SECOND } }),
  };
}
