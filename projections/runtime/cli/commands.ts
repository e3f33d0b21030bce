import { parseArgs } from 'node:util';
import { type ProjectionReport, reportOn } from '../projection-report.js';
import { dropBuild, PREVIOUS_SCHEMA, REBUILD_SCHEMA, withBuilds } from '../rebuild/builds.js';
import { dropOldVersions, unusedTables } from '../rebuild/old-versions.js';
import { goBack, type RebuildOutcome, rebuild } from '../rebuild/rebuild.js';
import { reportJson } from '../report-json.js';
import type { AnyProjectionDefinition } from '../stored-projection.js';
import { type Connection, connect, type EmbeddedServers } from './connection.js';
import { ProgressLine, say, table } from './output.js';
import { OPTIONS, OPTIONS_HELP, WrongUsage } from './usage.js';

/** What the commands are about. */
export interface Program {
  readonly definitions: readonly AnyProjectionDefinition[];
  readonly embedded: EmbeddedServers;
}

export interface ProjectionsCommand {
  /** First line: its arguments and what it does. */
  readonly help: string;
  /** @returns whether all is well @throws WrongUsage */
  run(args: string[], program: Program): Promise<boolean>;
}

const status: ProjectionsCommand = {
  help: `status                    how far each projection is, what it has stopped, and what is kept besides

${OPTIONS_HELP}`,
  async run(args, program) {
    const { values } = parseArgs({ args, options: OPTIONS });
    return connected(values, program, async ({ dataSource, store }) => {
      const reports = [];
      for (const definition of program.definitions) reports.push(await reportOn(dataSource, store, definition, Date.now()));
      const unused = await unusedTables(dataSource, program.definitions);
      if (values.json) {
        const unused_tables = unused.map((each) => ({ table: each.table, projection: each.projection ?? null }));
        sayJson({ projections: reports.map(reportJson), unused_tables });
      } else {
        const rows = reports.map((report) => [
          `${report.name} v${report.version}`,
          behind(report),
          `${report.lagMs} ms`,
          report.isLed ? 'yes' : 'no',
          String(report.stopped.total),
          [report.hasPrevious ? 'previous' : '', report.hasRebuild ? 'rebuild' : ''].filter(Boolean).join(', '),
        ]);
        say(table([['projection', 'position', 'lag', 'led', 'stopped streams', 'kept builds'], ...rows]));
        for (const { name, stopped } of reports)
          for (const { stream, revision, eventType, where } of stopped.streams)
            say(`${name} stopped ${stream} at ${eventType}, revision ${revision}: ${where}`);
        for (const each of unused)
          say(`unused table ${each.table}: ${each.projection ? `discard ${each.projection} drops it` : 'of no projection here'}`);
      }
      return reports.every(({ stopped }) => stopped.total === 0);
    });
  },
};

/** It reads on where other streams have grown, so where nothing is left to fold its own last event is of no interest. */
const behind = ({ position, headPosition }: ProjectionReport): string =>
  position < headPosition ? `${position} of ${headPosition}` : `${position}, all`;

const rebuildCommand: ProjectionsCommand = {
  help: `rebuild <name>…|--all     build it anew beside the live one, compare, and let it answer where they are equal

  --all                 all projections, with one reading of the ledger
  --anew                forget what an interrupted rebuild has left, rather than to go on from it
  --no-swap             only compare
${OPTIONS_HELP}`,
  async run(args, program) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...OPTIONS,
        all: { type: 'boolean', default: false },
        anew: { type: 'boolean', default: false },
        'no-swap': { type: 'boolean', default: false },
      },
    });
    if (values.all && positionals.length > 0) throw new WrongUsage('Name projections, or --all of them.');
    const definitions = values.all ? program.definitions : named(positionals, program);
    return connected(values, program, async ({ dataSource, store }) => {
      const head = await store.headPosition(definitions.flatMap(({ projection }) => [...projection.streamPrefixes]));
      const line = new ProgressLine(head);
      let events = 0;
      const outcomes = await rebuild(dataSource, store, definitions, {
        anew: values.anew,
        swap: !values['no-swap'],
        onProgress: (progress) => {
          events = progress.events;
          line.show(progress);
        },
      });
      line.end();
      const perSecond = line.perSecond(events);
      if (values.json) sayJson({ events, events_per_second: perSecond, projections: outcomes.map(outcomeJson) });
      else {
        say(`${events} events, ${perSecond} events/s\n`);
        for (const outcome of outcomes) sayOutcome(outcome);
      }
      return outcomes.every(({ tables }) => tables.every(({ isEqual }) => isEqual));
    });
  },
};

const back: ProjectionsCommand = {
  help: `back <name>               let the previous build answer again, folded to where the live one is

${OPTIONS_HELP}`,
  async run(args, program) {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
    const definition = one(positionals, program);
    const { name } = definition.projection;
    return connected(values, program, async ({ dataSource, store }) => {
      if (!(await goBack(dataSource, store, definition))) throw new WrongUsage(`No previous build of ${name} is kept.`);
      if (values.json) sayJson({ name, swapped: true });
      else say(`The previous build of ${name} answers; the one that answered is kept.`);
      return true;
    });
  },
};

const discard: ProjectionsCommand = {
  help: `discard <name>            drop its previous build, a rebuild that was begun, and tables of older versions

${OPTIONS_HELP}`,
  async run(args, program) {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
    const definition = one(positionals, program);
    return connected(values, program, async ({ dataSource }) =>
      withBuilds(dataSource, [definition], async () => {
        const previous = await dropBuild(dataSource, definition, PREVIOUS_SCHEMA);
        const rebuilt = await dropBuild(dataSource, definition, REBUILD_SCHEMA);
        const tables = await dropOldVersions(dataSource, program.definitions, definition);
        if (values.json) sayJson({ name: definition.projection.name, previous, rebuild: rebuilt, tables });
        else {
          const gone = [previous ? 'the previous build' : '', rebuilt ? 'the rebuild' : '', ...tables].filter(Boolean);
          say(gone.length === 0 ? 'There was nothing to drop.' : `Dropped: ${gone.join(', ')}.`);
        }
        return true;
      }),
    );
  },
};

export const COMMANDS: Readonly<Record<string, ProjectionsCommand>> = { status, rebuild: rebuildCommand, back, discard };

type Values = { readonly 'event-store'?: string; readonly database?: string; readonly 'data-dir'?: string };

async function connected<T>(values: Values, program: Program, work: (connection: Connection) => Promise<T>): Promise<T> {
  const { 'event-store': eventStore, database, 'data-dir': dataDir } = values;
  const connection = await connect({ eventStore, database, dataDir }, program.embedded, program.definitions);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function named(names: readonly string[], { definitions }: Program): AnyProjectionDefinition[] {
  const known = definitions.map(({ projection }) => projection.name).join(', ');
  if (names.length === 0) throw new WrongUsage(`Which projection? There are ${known}.`);
  return [...new Set(names)].map((name) => {
    const found = definitions.find(({ projection }) => projection.name === name);
    if (!found) throw new WrongUsage(`There is no projection ${name}; there are ${known}.`);
    return found;
  });
}

function one(names: readonly string[], program: Program): AnyProjectionDefinition {
  if (names.length > 1) throw new WrongUsage(`One projection at a time: what is ${names[1]}?`);
  return named(names, program)[0] as AnyProjectionDefinition;
}

const sayJson = (value: unknown): void => say(JSON.stringify(value, null, 2));

const outcomeJson = ({ name, version, position, tables, swapped }: RebuildOutcome) => ({
  name,
  version,
  position: position.toString(),
  equal: tables.every(({ isEqual }) => isEqual),
  swapped,
  tables: tables.map(({ table: of, live, rebuilt, isEqual, differing }) => ({
    table: of,
    equal: isEqual,
    live: { rows: live.rows, sums: live.sums, hash: live.hash },
    rebuilt: { rows: rebuilt.rows, sums: rebuilt.sums, hash: rebuilt.hash },
    differing_keys: differing,
  })),
});

function sayOutcome({ name, version, position, tables, swapped }: RebuildOutcome): void {
  const rows = tables.map((each) => [each.table, each.live.rows, each.rebuilt.rows, each.isEqual ? 'equal' : 'DIFFERENT']);
  say(`${name} v${version} at position ${position}`);
  say(table([['table', 'rows live', 'rows rebuilt', ''], ...rows]));
  for (const { table: of, differing } of tables) for (const key of differing) say(`  ${of}: ${key}`);
  const isEqual = tables.every((each) => each.isEqual);
  const end = isEqual ? 'Equal; nothing was swapped.' : 'They differ; nothing was swapped.';
  say(`${swapped ? 'Equal; the new build answers, the one before is kept.' : end}\n`);
}
