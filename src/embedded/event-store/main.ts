/** The process entry: `node main.js --data-dir DIR [--port N] [--host H]`. Says on stdout, in one line of JSON, when it is ready. */
import { parseArgs } from 'node:util';
import { startEventStoreNode } from './node.js';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string' },
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
  },
});

// A commit that the disk refuses surfaces here. Nobody knows what is on disk after a failed fsync except the disk: end, and let
// the next start read it.
process.once('unhandledRejection', (error) => fail('The event store node stops', error));

const isChild = process.send !== undefined;

try {
  const dataDir = values['data-dir'];
  if (!dataDir) throw new Error('The event store node needs --data-dir.');
  const node = await startEventStoreNode({ dataDir, host: values.host, port: Number(values.port) });
  const stop = async (): Promise<void> => {
    await node.close();
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // The parent died or let go, perhaps already: nobody is left to stop this process.
  process.once('disconnect', stop);
  if (isChild && !process.connected) await stop();
  process.stdout.write(`${JSON.stringify({ ready: true, port: node.port })}\n`);
  process.send?.({ ready: true, port: node.port });
} catch (error) {
  fail('The event store node does not start', error);
}

function fail(what: string, error: unknown): never {
  process.stderr.write(`${what}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
