import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Remembers whether somebody has run the program in this checkout, for the check after the run. */
export default function lookBefore({ rootDir }) {
  globalThis.hadData = existsSync(join(rootDir, 'data'));
}
