import { existsSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { dataFileOf } from '../log/data-file.js';
import { type Command, say, WrongUsage } from './command.js';
import { examine, summaryOf } from './examine.js';

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
    // LMDB makes a lock file beside a backup. That of a node tells it who reads, and a node may start while this runs.
    const lock = `${path}-lock`;
    const isNodes = existsSync(lock) || basename(path) === basename(dataFileOf(''));
    const { problems, problemsTotal, facts } = await examine(path);
    if (!isNodes) rmSync(lock, { force: true });
    if (problems.length === 0 && facts) {
      say(`All is well: ${summaryOf(facts)}.`);
      return 0;
    }
    for (const problem of problems) say(problem);
    if (problemsTotal > problems.length) say(`… and ${problemsTotal - problems.length} more.`);
    if (facts) say(`${path} is damaged. Restore it from a backup.`);
    return 1;
  },
};
