import { statfsSync } from 'node:fs';

/** Nothing is written any more, so that what is there stays readable; appends are taken again as soon as there is room. */
export class DiskFull extends Error {
  constructor(dataDir: string, freeBytes: number, neededBytes: number) {
    const [free, needed] = [Math.floor(freeBytes / 2 ** 20), Math.ceil(neededBytes / 2 ** 20)];
    super(`The disk of ${dataDir} is full: ${free} MiB are free, ${needed} MiB are needed. Make room; nothing was written.`);
  }
}

/**
 * Left free beside what a commit writes, so that LMDB never meets the end of the disk in the middle of one: it cannot tell that from
 * a disk that fails, and the process then has to end. More than the pages that a commit touches.
 */
export const FREE_BYTES_MIN = 64 * 2 ** 20;

/** @throws DiskFull */
export function requireDiskSpace(dataDir: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes < neededBytes) throw new DiskFull(dataDir, freeBytes, neededBytes);
}
