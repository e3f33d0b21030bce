import type { DataSource } from 'typeorm';
import type { EventStore } from '../../../src/event-store/event-store.js';
import { readCheckpoint, START } from '../checkpoint.js';
import { SCHEMA } from '../schema.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';
import { hasBuild, namedOf, PREVIOUS_SCHEMA, REBUILD_SCHEMA, tablesOf, withBuilds } from './builds.js';
import { type RebuildOptions, RebuildRun } from './rebuild-run.js';
import { swapIn } from './swap.js';
import { areEqual, comparedTables, differingKeys, figuresOf, type TableFigures } from './table-figures.js';

/** A table of the live build beside the same one of the new build, at the same position. */
export interface TableComparison {
  readonly table: string;
  readonly live: TableFigures;
  readonly rebuilt: TableFigures;
  readonly isEqual: boolean;
  /** Keys of up to 20 rows that differ. */
  readonly differing: readonly string[];
}

export interface RebuildOutcome {
  readonly name: string;
  readonly version: number;
  /** Position at which the two were compared. */
  readonly position: bigint;
  readonly tables: readonly TableComparison[];
  /** Whether the new build answers now. */
  readonly swapped: boolean;
}

/** The live build moves on while a pass runs; one that found so few events leaves little for the last. */
const NEAR_EVENTS = 5_000;
const PASSES_MAX = 20;

/**
 * Builds projections anew beside those that answer, compares each with its live one at one position, and lets it answer where they
 * are equal. Where they are not, nothing changes and the new build stays for whoever looks at it. Throws BuildInUse.
 */
export async function rebuild(
  dataSource: DataSource,
  store: EventStore,
  definitions: readonly AnyProjectionDefinition[],
  options: RebuildOptions & { readonly swap?: boolean } = {},
): Promise<RebuildOutcome[]> {
  return withBuilds(dataSource, definitions, async () => {
    const run = await RebuildRun.open(dataSource, store, definitions, { ...options, schema: REBUILD_SCHEMA });
    try {
      await comeNear(dataSource, run, definitions);
      const outcomes: RebuildOutcome[] = [];
      for (const definition of definitions) {
        const compared = await compare(dataSource, run, definition);
        const swapped = options.swap !== false && compared.tables.every(({ isEqual }) => isEqual);
        if (swapped) await takeOver(dataSource, run, definition);
        outcomes.push({ ...compared, swapped });
      }
      return outcomes;
    } finally {
      await run.close();
    }
  });
}

/** Lets the previous build answer again, folded to where the live one is. @returns false where none is kept */
export async function goBack(dataSource: DataSource, store: EventStore, definition: AnyProjectionDefinition): Promise<boolean> {
  return withBuilds(dataSource, [definition], async () => {
    if (!(await hasBuild(dataSource, definition.projection, PREVIOUS_SCHEMA))) return false;
    const run = await RebuildRun.open(dataSource, store, [definition], { schema: PREVIOUS_SCHEMA });
    try {
      await comeNear(dataSource, run, [definition]);
      await swapIn(dataSource, definition, PREVIOUS_SCHEMA, (position) => foldTo(run, definition, position));
      return true;
    } finally {
      await run.close();
    }
  });
}

/** Folds to where the live ones are, and again what they have folded meanwhile, until that is little. */
async function comeNear(dataSource: DataSource, run: RebuildRun, definitions: readonly AnyProjectionDefinition[]): Promise<void> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const before = run.events;
    const targets = new Map<string, bigint>();
    for (const definition of definitions) targets.set(definition.projection.name, await livePosition(dataSource, definition));
    await run.foldTo(targets);
    if (run.events - before < NEAR_EVENTS) return;
  }
}

const livePosition = async (dataSource: DataSource, definition: AnyProjectionDefinition): Promise<bigint> =>
  (await readCheckpoint(dataSource, namedOf(definition, SCHEMA)))?.position ?? START.position;

const foldTo = (run: RebuildRun, { projection }: AnyProjectionDefinition, position: bigint): Promise<void> =>
  run.foldTo(new Map([[projection.name, position]]));

/** Compares with one snapshot of the live build, which goes on meanwhile. */
async function compare(dataSource: DataSource, run: RebuildRun, definition: AnyProjectionDefinition) {
  const { name, version } = definition.projection;
  const compared = comparedTables(dataSource, definition);
  const [live, rebuilt] = [dataSource.createQueryRunner(), dataSource.createQueryRunner()];
  try {
    await live.startTransaction('REPEATABLE READ');
    const position = (await readCheckpoint(live, namedOf(definition, SCHEMA)))?.position ?? START.position;
    const liveFigures: TableFigures[] = [];
    for (const table of compared) liveFigures.push(await figuresOf(live, SCHEMA, table));
    await foldTo(run, definition, position);
    const tables: TableComparison[] = [];
    for (const [index, table] of compared.entries()) {
      const here = liveFigures[index] as TableFigures;
      const there = await figuresOf(rebuilt, REBUILD_SCHEMA, table);
      const isEqual = areEqual(here, there);
      const sides = [
        { session: live, schema: SCHEMA },
        { session: rebuilt, schema: REBUILD_SCHEMA },
      ] as const;
      const differing = isEqual ? [] : await differingKeys(...sides, table);
      tables.push({ table: table.table, live: here, rebuilt: there, isEqual, differing });
    }
    return { name, version, position, tables };
  } finally {
    if (live.isTransactionActive) await live.rollbackTransaction().catch(() => undefined);
    await live.release();
    await rebuilt.release();
  }
}

async function takeOver(dataSource: DataSource, run: RebuildRun, definition: AnyProjectionDefinition): Promise<void> {
  // A table that has just been filled has no statistics, and the first plans would be bad.
  for (const table of tablesOf(dataSource, definition)) await dataSource.query(`ANALYZE ${REBUILD_SCHEMA}."${table}"`);
  await swapIn(dataSource, definition, REBUILD_SCHEMA, (position) => foldTo(run, definition, position));
}
