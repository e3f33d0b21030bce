import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson } from '../../event-store/canonical-json.js';
import { type Checkpoint, checkpointFrom, checkpointHash } from './checkpoint.js';

/** The exported file, or its last line, is not what this program wrote. */
export class CheckpointFileDamaged extends Error {
  constructor(file: string, where: string) {
    super(`${file}: ${where} is no checkpoint`);
  }
}

/** The exported file was written for another ledger, or this one was put in the place of the one that it was written for. */
export class CheckpointFileOfAnotherLedger extends Error {
  constructor(file: string, origin: string, own: string) {
    super(ofAnotherLedger(file, origin, own));
  }
}

/** @param file its path, or what it is where nobody knows its path */
export const ofAnotherLedger = (file: string, origin: string, own: string): string =>
  `${file} belongs to the ledger ${origin}, not to this one, ${own}: move the file away or set CHECKPOINT_FILE, ` +
  'unless it was this ledger’s own; then the ledger was replaced';

/** More than the longest line; a checkpoint has about 500 bytes. */
const TAIL_BYTES = 65_536;

/**
 * Every checkpoint of an exported file, in order. Two processes that share a file may both write a line: equal ones count once.
 * A last line without its end was never acknowledged and is left out. Resolves with undefined where there is no file.
 * @throws CheckpointFileDamaged
 */
export async function readCheckpointFile(file: string): Promise<Checkpoint[] | undefined> {
  const handle = await openExisting(file);
  if (!handle) return undefined;
  const checkpoints = new Map<string, Checkpoint>();
  try {
    const text = await handle.readFile('utf8');
    const lines = text.split('\n').slice(0, -1);
    for (const [index, line] of lines.entries()) {
      const checkpoint = parseLine(line, file, `line ${index + 1}`);
      const hash = checkpointHash(checkpoint);
      if (!checkpoints.has(hash)) checkpoints.set(hash, checkpoint);
    }
  } finally {
    await handle.close();
  }
  return [...checkpoints.values()];
}

/**
 * The last checkpoint that was exported, or undefined where there is none yet.
 * @throws CheckpointFileDamaged
 */
export async function lastExported(file: string): Promise<Checkpoint | undefined> {
  const handle = await openExisting(file);
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(tail, 0, tail.length, size - tail.length);
    const last = tail.toString('utf8').split('\n').slice(0, -1).at(-1);
    if (last !== undefined) return parseLine(last, file, 'the last line');
    if (size > TAIL_BYTES) throw new CheckpointFileDamaged(file, 'the end');
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Appends one line for each checkpoint; resolves when they are on the disk. */
export async function appendToCheckpointFile(file: string, checkpoints: readonly Checkpoint[]): Promise<void> {
  const handle = await open(file, 'a+', 0o644);
  try {
    await cutUnfinishedLine(handle);
    await handle.writeFile(checkpoints.map((checkpoint) => `${canonicalJson(checkpoint)}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(file));
}

type FileHandle = Awaited<ReturnType<typeof open>>;

async function openExisting(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a process that died in the middle of a write has left: the line was never acknowledged and is written again. */
async function cutUnfinishedLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  await handle.read(tail, 0, tail.length, size - tail.length);
  const unfinished = tail.length - (tail.lastIndexOf('\n') + 1);
  if (unfinished > 0) await handle.truncate(size - unfinished);
}

/** A new file's name is durable only with its directory. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

function parseLine(line: string, file: string, where: string): Checkpoint {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === 'object' && json !== null) return checkpointFrom(json);
  } catch {
    // Said below.
  }
  throw new CheckpointFileDamaged(file, where);
}
