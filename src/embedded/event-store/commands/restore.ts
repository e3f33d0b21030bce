import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { lockDataDirectory } from '../log/data-directory-lock.js';
import { dataFileOf } from '../log/data-file.js';
import { copyChecked } from './checked-copy.js';
import { type Command, required, say, WrongUsage } from './command.js';

export const restore: Command = {
  help: `restore --from FILE --data-dir DIR
Makes an event store of a backup, after it has checked the copy. Refuses a directory that has one.`,

  async run(args) {
    const { values } = parseArgs({ args, options: { from: { type: 'string' }, 'data-dir': { type: 'string' } } });
    const from = required('from', values.from);
    const dataDir = required('data-dir', values['data-dir']);
    if (!existsSync(from)) throw new WrongUsage(`There is no file ${from}.`);
    const unlock = await lockDataDirectory(dataDir);
    try {
      const to = dataFileOf(dataDir);
      if (existsSync(to))
        throw new WrongUsage(`${dataDir} has an event store already. Choose an empty directory, or move it away.`);
      const summary = await copyChecked(to, (unfinished) => copyFile(from, unfinished), `${from} is no whole backup`);
      say(`${dataDir}: ${summary}.`);
      return 0;
    } finally {
      unlock();
    }
  },
};
