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
  // The parent died or let go: nobody is left to stop this process.
  process.once('disconnect', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, port: node.port })}\n`);
  process.send?.({ ready: true, port: node.port });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
