/** `npm run projections -- <command>`: what operators do with read models. Exit status 0: all is well; 1: not; 2: wrong usage. */
import 'reflect-metadata';
import { COMMANDS, type Program } from './commands.js';
import { WrongUsage } from './usage.js';

const HELP = `usage: npm run projections -- <command> [options]

${Object.values(COMMANDS)
  .map(({ help }) => `  ${help.split('\n', 1)[0]}`)
  .join('\n')}

Each has --help. Exit status: 0 all is well, 1 something is wrong, 2 it could not be asked so.`;

/** Where a program is put together: the runtime by itself knows no projection, and the read side no embedded server. */
async function program(): Promise<Program> {
  const [{ DEFINITIONS: definitions }, { findEventStoreProcess }, { startEmbeddedServers }] = await Promise.all([
    import('../../projections.module.js'),
    import('../../../src/embedded/event-store-process.js'),
    import('../../../src/embedded/embedded-servers.js'),
  ]);
  return { definitions, embedded: { findEventStoreProcess, startEmbeddedServers } };
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${HELP}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new WrongUsage(`There is no command ${name}; there are ${Object.keys(COMMANDS).join(', ')}.`);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`usage: npm run projections -- ${command.help}\n`);
    return 0;
  }
  return (await command.run(args, await program())) ? 0 : 1;
}

// Output that is cut off by its reader (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  },
);
