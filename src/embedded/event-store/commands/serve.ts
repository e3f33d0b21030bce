import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type EventStoreNodeOptions, startEventStoreNode } from '../node.js';
import { type Command, required, say, WrongUsage } from './command.js';

const PORT_DEFAULT = '2113';

export const serve: Command = {
  help: `[--port 2113] --data-dir DIR
Runs a node until it is told to stop (SIGINT, SIGTERM).
  --data-dir DIR                       where everything is kept; made if it is not there
  --port N                             0 for any free port; ${PORT_DEFAULT} unless given
  --host H                             the address to listen on; 127.0.0.1 unless given
  --max-append-size BYTES              1048576 unless given
  --free-bytes-min BYTES               of the disk; with less, appends are refused; 67108864 unless given
  --certificate-file FILE              TLS: the certificate in PEM, and
  --certificate-private-key-file FILE  its private key
  --users-file FILE                    who may use the node, a name:password in each line; needs TLS
  --start-standard-projections         keeps $ce-<category>, $et-<event type> and $streams`,

  async run(args) {
    const node = await startEventStoreNode(optionsOf(args));
    const ended = new Promise<void>((resolve) => {
      process.once('SIGTERM', resolve);
      process.once('SIGINT', resolve);
      // A parent that died or let go, perhaps already: nobody else is left to stop this process.
      process.once('disconnect', resolve);
      if (process.send && !process.connected) resolve();
    });
    if (process.send) process.send({ ready: true, port: node.port });
    else say(`The event store is ready: ${node.connectionString}`);
    await ended;
    await node.close();
    return 0;
  },
};

function optionsOf(args: string[]): EventStoreNodeOptions {
  const { values } = parseArgs({
    args,
    options: {
      'data-dir': { type: 'string' },
      port: { type: 'string', default: PORT_DEFAULT },
      host: { type: 'string', default: '127.0.0.1' },
      'max-append-size': { type: 'string' },
      'free-bytes-min': { type: 'string' },
      'certificate-file': { type: 'string' },
      'certificate-private-key-file': { type: 'string' },
      'users-file': { type: 'string' },
      'start-standard-projections': { type: 'boolean', default: false },
    },
  });
  const { 'certificate-file': certificate, 'certificate-private-key-file': privateKey, 'users-file': users } = values;
  if ((certificate === undefined) !== (privateKey === undefined)) {
    throw new WrongUsage('--certificate-file and --certificate-private-key-file are given together, or neither is.');
  }
  const maxAppendSize = values['max-append-size'];
  const freeBytesMin = values['free-bytes-min'];
  return {
    dataDir: required('data-dir', values['data-dir']),
    host: values.host,
    port: integer('port', values.port, 0, 65_535),
    standardProjections: values['start-standard-projections'],
    ...(maxAppendSize !== undefined && { maxAppendSize: integer('max-append-size', maxAppendSize, 1, 16 * 2 ** 20) }),
    ...(freeBytesMin !== undefined && { freeBytesMin: integer('free-bytes-min', freeBytesMin, 0, Number.MAX_SAFE_INTEGER) }),
    ...(certificate !== undefined &&
      privateKey !== undefined && {
        tls: {
          certificate: contentOf('certificate-file', certificate),
          privateKey: contentOf('certificate-private-key-file', privateKey),
        },
      }),
    ...(users !== undefined && { users: usersIn(contentOf('users-file', users).toString()) }),
  };
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new WrongUsage(`--${name} must be a whole number from ${least} to ${most}.`);
  }
  return value;
}

function contentOf(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new WrongUsage(`--${name}: ${(error as Error).message}`);
  }
}

/** A password may contain colons, a name may not. Lines that are empty or begin with # are passed over. */
function usersIn(text: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const colonAt = line.indexOf(':');
    // The line is not told: it may hold a password.
    if (colonAt < 1) throw new WrongUsage(`--users-file: line ${index + 1} is not name:password.`);
    users.set(line.slice(0, colonAt), line.slice(colonAt + 1));
  }
  return users;
}
