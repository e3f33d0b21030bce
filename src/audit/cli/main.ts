/** `npm run ledger -- <command>`: what operators and auditors ask a ledger. Exit status 0: all is well; 1: not; 2: wrong usage. */
import { balance } from './balance-command.js';
import { checkpoints } from './checkpoints-command.js';
import { evidenceCheck, evidenceExport } from './evidence-commands.js';
import { explain } from './explain-command.js';
import { history } from './history-command.js';
import { replay } from './replay-command.js';
import { type LedgerCommand, WrongUsage } from './usage.js';
import { verify } from './verify-command.js';

const COMMANDS: Readonly<Record<string, LedgerCommand>> = {
  verify,
  balance,
  history,
  explain,
  replay,
  export: evidenceExport,
  'verify-file': evidenceCheck,
  checkpoints,
};

const HELP = `usage: npm run ledger -- <command> [options]

${Object.values(COMMANDS)
  .map(({ help }) => `  ${help.split('\n', 1)[0]}`)
  .join('\n')}

Each has --help. It reads the ledger that --event-store or EVENTSTORE_URL names, else the embedded one in DATA_DIR, whether
the program runs or not, and never writes. Exit status: 0 all is well, 1 something is wrong, 2 it could not be asked so.`;

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${HELP}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new WrongUsage(`There is no command ${name}; there are ${Object.keys(COMMANDS).join(', ')}.`);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`usage: npm run ledger -- ${command.help}\n`);
    return 0;
  }
  return (await command.run(args)) ? 0 : 1;
}

// Output that is cut off by its reader (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: NodeJS.ErrnoException) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  },
);
