import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Fails a run that has left `data/` in the checkout: the next `npm start` would sign with the key that is in it, and be compared
 * with checkpoints of another ledger.
 */
export default function lookAfter({ rootDir }) {
  const data = join(rootDir, 'data');
  if (!globalThis.hadData && existsSync(data))
    throw new Error(`A test has written to ${data}: give what it starts a DATA_DIR of its own, and remove that folder.`);
}
