/**
 * The process entry, `npm run event-store`: a node, or one of the commands for its files. Started by another program, it tells that
 * program in a message when it is ready. Exit status 0: all is well; 1: it is not; 2: it could not be asked so.
 */
import { backup } from './commands/backup.js';
import { check } from './commands/check.js';
import { type Command, say, WrongUsage } from './commands/command.js';
import { examineHere } from './commands/examine.js';
import { restore } from './commands/restore.js';
import { serve } from './commands/serve.js';

const COMMANDS: Readonly<Record<string, Command>> = { backup, restore, check };
const HIDDEN: Readonly<Record<string, Command>> = { [examineHere.name]: examineHere };

const HELP = `usage: npm run event-store -- ${serve.help}

and for its files:
${Object.values(COMMANDS)
  .map(({ help }) => `  npm run event-store -- ${help.split('\n', 1)[0]}`)
  .join('\n')}
Each has --help.`;

// A commit that the disk refuses surfaces here, in several promises of LMDB, of which one says why. Nobody knows what is
// on disk after a failed fsync except the disk: end, and let the next start read it.
process.on('unhandledRejection', (error: Error & { commitError?: unknown }) => {
  const endFor = (): never => end(new Error(`The event store ends: ${error.message}`));
  if (error.commitError) setImmediate(endFor);
  else endFor();
});

main(process.argv.slice(2)).then((status) => process.exit(status), end);

async function main(args: string[]): Promise<number> {
  const [name = ''] = args;
  const known = { ...COMMANDS, ...HIDDEN };
  const command = Object.hasOwn(known, name) ? known[name] : undefined;
  if (args.includes('--help') || args.includes('-h')) {
    say(command ? `usage: npm run event-store -- ${command.help}` : HELP);
    return 0;
  }
  if (command) return command.run(args.slice(1));
  if (name !== '' && !name.startsWith('-')) {
    throw new WrongUsage(`There is no command ${name}; there are ${Object.keys(COMMANDS).join(', ')}.`);
  }
  return serve.run(args);
}

function end(error: Error & { code?: unknown }): never {
  const isWrongUsage = error instanceof WrongUsage || String(error.code).startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${error.message.replace(/\.?$/, '.')}${isWrongUsage ? ' See --help.' : ''}\n`);
  process.exit(isWrongUsage ? 2 : 1);
}
