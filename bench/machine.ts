import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

export interface Machine {
  commit: string;
  node: string;
  cpu: string;
  cores: number;
  /** fdatasync of 4 KiB on the disk that the server will use: the floor under every durable append. */
  fsyncP50Us: number;
}

export const machineFacts = (folder: string): Machine => ({
  commit: commit(),
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  fsyncP50Us: fsyncP50Us(folder),
});

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

function fsyncP50Us(folder: string): number {
  const file = openSync(join(folder, 'fsync-probe'), 'w');
  const page = Buffer.alloc(4096, 1);
  const took = Array.from({ length: 300 }, () => {
    writeSync(file, page);
    const startedAt = performance.now();
    fdatasyncSync(file);
    return (performance.now() - startedAt) * 1000;
  });
  closeSync(file);
  return took.sort((a, b) => a - b)[took.length >> 1] ?? 0;
}
