import { existsSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { dataFileOf, describeOpenFailure, requireFullLength } from '../log/data-file.js';
import { type EventTables, openTablesToRead } from '../log/event-tables.js';
import { type LogFacts, problemsOf } from '../log/verify-log.js';
import { type Command, progressOn, say, WrongUsage } from './command.js';

const PROBLEMS_TOLD_MAX = 20;

export const check: Command = {
  help: `check --data-dir DIR | --file FILE
Reads all of an event store, or of a backup of one: every block and its checksum, every index entry, every head. Changes nothing,
and may be run while a node is running. Exit status 1 if anything is wrong.`,

  async run(args) {
    const { values } = parseArgs({ args, options: { 'data-dir': { type: 'string' }, file: { type: 'string' } } });
    const { 'data-dir': dataDir, file } = values;
    if ((dataDir === undefined) === (file === undefined)) throw new WrongUsage('Name either --data-dir or --file.');
    const path = file ?? dataFileOf(dataDir as string);
    if (!existsSync(path))
      throw new WrongUsage(dataDir === undefined ? `There is no file ${path}.` : `There is no event store in ${dataDir}.`);
    const { problems, facts } = await examine(path);
    if (file !== undefined) rmSync(`${file}-lock`, { force: true });
    if (problems.length === 0 && facts) {
      say(`All is well: ${facts.events} events in ${facts.streams} streams, up to position ${facts.lastPosition}.`);
      return 0;
    }
    for (const problem of problems.slice(0, PROBLEMS_TOLD_MAX)) say(problem);
    if (problems.length > PROBLEMS_TOLD_MAX) say(`… and ${problems.length - PROBLEMS_TOLD_MAX} more.`);
    say(`${path} is damaged. Restore it from a backup.`);
    return 1;
  },
};

export interface Examination {
  readonly problems: readonly string[];
  /** Undefined where the file could not be read to its end. */
  readonly facts: LogFacts | undefined;
}

export async function examine(file: string): Promise<Examination> {
  const problems: string[] = [];
  const progress = progressOn(process.stderr);
  let tables: EventTables | undefined;
  try {
    requireFullLength(file);
    tables = openTablesToRead(file);
    const found = problemsOf(tables, (keys) => progress(`${keys} blocks and heads read`));
    for (;;) {
      const { value, done } = found.next();
      if (done) return { problems, facts: value };
      // One damaged page may hold thousands of blocks: they are counted, and no longer kept in words.
      problems.push(problems.length < PROBLEMS_TOLD_MAX ? value : '');
    }
  } catch (error) {
    problems.push(describeOpenFailure(file, error).message);
    return { problems, facts: undefined };
  } finally {
    progress('');
    await tables?.root.close();
  }
}
