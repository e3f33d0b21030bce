import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { birthOf } from './running-process.js';

/**
 * One program at a time: a file names the process that holds the folder. It is compared with the moment that process was born,
 * because process ids come back, in a restarted container even the same ones; so the file of a killed program blocks nobody.
 */
export async function claimFolder(dataDir: string): Promise<{ release(): Promise<void> }> {
  const file = join(dataDir, 'owner.json');
  const holder = await readFile(file, 'utf8').then(parse, () => undefined);
  if (holder && (await birthOf(holder.pid)) === holder.born) {
    throw new Error(`${dataDir} is in use by process ${holder.pid}: stop it first, or choose another DATA_DIR.`);
  }
  const own = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid) });
  await writeFile(`${file}.${process.pid}`, own);
  await rename(`${file}.${process.pid}`, file);
  return { release: () => rm(file, { force: true }) };
}

function parse(text: string): { pid: number; born: string } | undefined {
  try {
    return JSON.parse(text) as { pid: number; born: string };
  } catch {
    // Cut short by a power failure, so of a program that is gone.
    return undefined;
  }
}
