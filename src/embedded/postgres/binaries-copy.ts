import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * npm packages cannot hold symbolic links: the package lists them in a file, and its install script makes them. Where install
 * scripts did not run they are made here. False: they are missing and cannot be made in this folder.
 */
export async function linkLibraries(native: string): Promise<boolean> {
  const listed = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  try {
    // Both paths start at the package: native/lib/libpq.so.5.18, native/lib/libpq.so.5.
    for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
      const link = join(native, relative('native', target));
      if (await lstat(link).catch(() => undefined)) continue;
      await symlink(relative(dirname(target), source), link).catch(unlessExisting);
    }
    return true;
  } catch {
    return false;
  }
}

/** Copies to a folder beside the target and renames it: a copy that was cut short is never taken for a whole one. */
export async function copyBinaries(native: string, target: string): Promise<void> {
  const copy = await mkdtemp(`${target}.new-`);
  try {
    await copyReadable(native, copy);
    await linkLibraries(copy);
    await rm(target, { recursive: true, force: true });
    // Another start may have put the same copy there in the meantime.
    await rename(copy, target).catch(unlessExisting);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** A folder which others may read, if it can be made; one that is already there stays as it is. */
export async function sharedFolder(folder: string): Promise<boolean> {
  try {
    const created = await mkdir(folder, { recursive: true });
    if (created) await chmod(folder, 0o755);
    return true;
  } catch {
    return false;
  }
}

/** Modes are set, not taken over: an install under a strict umask leaves files that only the installer can read. */
async function copyReadable(from: string, to: string): Promise<void> {
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await mkdir(target);
      await copyReadable(source, target);
    } else if (entry.isFile() && !entry.name.endsWith('.a')) {
      await copyFile(source, target);
      await chmod(target, from.endsWith('bin') ? 0o755 : 0o644);
    }
  }
}

function unlessExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error;
}
