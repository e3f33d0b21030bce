import { statfsSync } from 'node:fs';

/** Nothing is written any more, so that what is there stays readable; appends are taken again as soon as there is room. */
export class DiskFull extends Error {
  constructor(dataDir: string, freeBytes: number) {
    super(`The disk of ${dataDir} is full: ${Math.floor(freeBytes / 2 ** 20)} MiB are free. Make room; nothing was written.`);
  }
}

/**
 * Left free, so that LMDB never meets the end of the disk in the middle of a commit: it cannot tell that from a disk that fails,
 * and the process then has to end. More than one commit takes.
 */
export const FREE_BYTES_MIN = 64 * 2 ** 20;

/** @throws DiskFull */
export function requireDiskSpace(dataDir: string, freeBytesMin: number): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes < freeBytesMin) throw new DiskFull(dataDir, freeBytes);
}
