import { existsSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { dataFileOf, requireFullLength } from '../log/data-file.js';
import { openTablesToRead } from '../log/event-tables.js';
import { copyChecked } from './checked-copy.js';
import { type Command, megabytes, progressOn, required, say, WrongUsage } from './command.js';

export const backup: Command = {
  help: `backup --data-dir DIR --to FILE
Copies an event store to a file, as it was at one commit, and checks the copy. May be run while a node is running: everything that
was acknowledged before is in it.`,

  async run(args) {
    const { values } = parseArgs({ args, options: { 'data-dir': { type: 'string' }, to: { type: 'string' } } });
    const dataDir = required('data-dir', values['data-dir']);
    const to = required('to', values.to);
    const from = dataFileOf(dataDir);
    if (!existsSync(from)) throw new WrongUsage(`There is no event store in ${dataDir}.`);
    if (existsSync(to)) throw existsAlready(to);
    requireFullLength(from);
    const damaged = `The event store in ${dataDir} is damaged`;
    const summary = await copyChecked(to, (unfinished) => copy(from, unfinished), damaged).catch((error) => {
      throw error.code === 'EEXIST' ? existsAlready(to) : error;
    });
    say(`${to}: ${summary}, ${megabytes(statSync(to).size)}.`);
    return 0;
  },
};

const existsAlready = (to: string): WrongUsage =>
  new WrongUsage(`${to} exists already. A backup never replaces another: choose another name.`);

/** LMDB copies what one commit sees, without what is free, while others go on. */
async function copy(from: string, to: string): Promise<void> {
  const { root } = openTablesToRead(from);
  const progress = progressOn(process.stderr);
  const timer = setInterval(() => progress(`${megabytes(existsSync(to) ? statSync(to).size : 0)} copied`), 500);
  try {
    await root.backup(to, true);
  } catch (error) {
    throw new Error(`The copy to ${to} failed: ${(error as Error).message}.`);
  } finally {
    clearInterval(timer);
    progress('');
    await root.close();
  }
}
