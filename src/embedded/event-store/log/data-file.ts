/**
 * LMDB maps its file into memory, and a map that reaches past the end of the file kills the process with SIGBUS. So the file is
 * looked at before it is opened. Offsets are those of the LMDB that the `lmdb` package builds: data version 2, 64 bit.
 */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';

const MAGIC = 0xbeefc0de;
const META_SIZE = 0xa0;
const MAGIC_AT = 0x18;
const PAGE_SIZE_AT = 0x30;
const LAST_PAGE_AT = 0x90;
const TRANSACTION_AT = 0x98;

/**
 * Creates the file under another name first: a file that exists was once whole, so that an empty one is a loss and not a
 * beginning.
 */
export async function createDataFile(file: string, create: (path: string) => Promise<void>): Promise<void> {
  if (existsSync(file)) return;
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  await create(unfinished);
  renameSync(unfinished, file);
  rmSync(`${unfinished}-lock`, { force: true });
  // Windows has no fsync of a directory.
  if (process.platform === 'win32') return;
  const directory = openSync(dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * Makes the file as long as its newest commit says. A short one is padded with zeros, which LMDB reports as corruption instead
 * of dying; it may still be whole, if the pages missing were free ones. Returns how to take the padding away again, so that a
 * file found damaged is found damaged next time too; undefined if none was needed. Throws when the beginning is not valid.
 */
export function makeFullLength(file: string): (() => void) | undefined {
  const descriptor = openSync(file, 'r');
  const { size } = fstatSync(descriptor);
  const first = readMeta(descriptor, 0);
  const second = first && readMeta(descriptor, first.pageSize);
  closeSync(descriptor);
  if (!first || !second) throw new Error('it does not begin as an event store file does');
  const newest = first.transaction > second.transaction ? first : second;
  const fullSize = (newest.lastPage + 1) * newest.pageSize;
  if (size >= fullSize) return undefined;
  truncateSync(file, fullSize);
  return () => truncateSync(file, size);
}

function readMeta(descriptor: number, at: number): { pageSize: number; lastPage: number; transaction: number } | undefined {
  const meta = Buffer.alloc(META_SIZE);
  const isWhole = readSync(descriptor, meta, 0, META_SIZE, at) === META_SIZE;
  if (!isWhole || meta.readUInt32LE(MAGIC_AT) !== MAGIC) return undefined;
  return {
    pageSize: meta.readUInt32LE(PAGE_SIZE_AT),
    lastPage: Number(meta.readBigUInt64LE(LAST_PAGE_AT)),
    transaction: Number(meta.readBigUInt64LE(TRANSACTION_AT)),
  };
}

/** The system refusing the file is not the file being damaged. LMDB's own errors have negative codes. */
export function describeOpenFailure(file: string, error: unknown): Error {
  const { code, message } = error as { code?: string | number; message: string };
  const isRefusal = typeof code === 'string' || (code !== undefined && code > 0);
  if (isRefusal) return new Error(`The event store file ${file} cannot be opened: ${message}.`);
  return new Error(`The event store file ${file} is damaged: ${message}. Restore it from a backup.`);
}
