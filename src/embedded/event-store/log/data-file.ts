/**
 * LMDB maps its file into memory, and a map that reaches past the end of the file kills the process with SIGBUS. So the file is
 * looked at before it is opened. Offsets are those of the LMDB that the `lmdb` package builds: data version 2, 64 bit.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const MAGIC = 0xbeefc0de;
const META_SIZE = 0xa0;
const MAGIC_AT = 0x18;
const PAGE_SIZE_AT = 0x30;
const LAST_PAGE_AT = 0x90;
const TRANSACTION_AT = 0x98;

export const dataFileOf = (dataDir: string): string => join(dataDir, 'events.mdb');

/**
 * Creates the file under another name first: a file that exists was once whole, so that an empty one is a loss and not a
 * beginning. Rejects with EEXIST where another process was quicker.
 */
export async function createDataFile(file: string, create: (path: string) => Promise<void>): Promise<void> {
  const unfinished = `${file}.${process.pid}.new`;
  rmSync(unfinished, { force: true });
  try {
    await create(unfinished);
    sync(unfinished);
    giveName(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
    rmSync(`${unfinished}-lock`, { force: true });
  }
  // Windows has no fsync of a directory.
  if (process.platform !== 'win32') sync(dirname(file));
}

/** link(2) never replaces a file. Where a file system has no links, as that of a stick or a share may not, a look has to do. */
function giveName(unfinished: string, file: string): void {
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if (existsSync(file)) throw error;
    renameSync(unfinished, file);
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/**
 * Makes the file as long as its newest commit says. A short one is padded with zeros, which LMDB reports as corruption instead
 * of dying; it may still be whole, if the pages missing were free ones. Returns how to take the padding away again, so that a
 * file found damaged is found damaged next time too; undefined if none was needed. Throws when the beginning is not valid.
 */
export function makeFullLength(file: string): (() => void) | undefined {
  const { size, fullSize } = sizes(file);
  if (size >= fullSize) return undefined;
  truncateSync(file, fullSize);
  return () => truncateSync(file, size);
}

/** Throws where the file cannot be read without touching it. */
export function requireFullLength(file: string): void {
  const { size, fullSize } = sizes(file);
  if (size < fullSize) throw new Error(`it ends ${fullSize - size} bytes before its newest commit does`);
}

function sizes(file: string): { readonly size: number; readonly fullSize: number } {
  const descriptor = openSync(file, 'r');
  try {
    // The length last: where a node writes, the file may have grown since its newest commit, and never the other way.
    const first = readMeta(descriptor, 0);
    const second = first && readMeta(descriptor, first.pageSize);
    if (!first || !second) throw new Error('it does not begin as an event store file does');
    const newest = first.transaction > second.transaction ? first : second;
    return { size: fstatSync(descriptor).size, fullSize: (newest.lastPage + 1) * newest.pageSize };
  } finally {
    closeSync(descriptor);
  }
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
