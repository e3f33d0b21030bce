import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Account } from './account.js';

const run = promisify(execFile);

/** The moment a process was born, as an opaque text; undefined when it is gone, or dead and only waits for its parent. */
export async function birthOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform !== 'linux') {
      const { stdout } = await run('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { env: { ...process.env, LC_ALL: 'C' } });
      const [state = 'Z', ...born] = stdout.trim().split(/\s+/);
      return state.startsWith('Z') ? undefined : born.join(' ');
    }
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc_pid_stat(5): field 2 is the program's name in parentheses and may hold spaces; state is 3, start in ticks since boot 22.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${boot.trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** Whether the process is alive and its working directory is `folder`. */
export async function worksIn(pid: number, folder: string, account: Account): Promise<boolean> {
  try {
    if (process.platform !== 'linux') {
      const { stdout } = await run('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn']);
      return stdout.split('\n').includes(`n${await realpath(folder)}`);
    }
    // Asked under the process's own account: root in a container may not look into processes of others.
    await run('/bin/sh', ['-c', '[ "/proc/$1/cwd" -ef . ]', 'sh', String(pid)], { ...account, cwd: folder });
    return true;
  } catch {
    return false;
  }
}
