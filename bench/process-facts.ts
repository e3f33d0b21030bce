import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports CPU time in ticks of USER_HZ, which is 100 on every architecture that Node runs on. */
const TICK_US = 10_000;

interface ProcessStat {
  parent: number;
  cpuUs: number;
  /** Of children that have ended and been waited for. */
  endedChildrenUs: number;
}

function processStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) * TICK_US;
    return { parent: Number(fields[1]), cpuUs: ticks(11), endedChildrenUs: ticks(13) };
  } catch {
    return undefined;
  }
}

export const rssMegabytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;

/** CPU time so far, in µs: of the process itself, and of what it has started, by kind. */
export interface CpuTimes {
  own: number;
  postgres: number;
  eventStore: number;
}

export function cpuTimes(pid: number): CpuTimes {
  const times: CpuTimes = { own: processStat(pid)?.cpuUs ?? 0, postgres: 0, eventStore: 0 };
  for (const child of descendants(pid)) {
    const stat = processStat(child);
    times[commandLine(child).includes('postgres') ? 'postgres' : 'eventStore'] +=
      (stat?.cpuUs ?? 0) + (stat?.endedChildrenUs ?? 0);
  }
  return times;
}

export function descendants(pid: number): number[] {
  const processes = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const parents = new Map(processes.map((process) => [process, processStat(process)?.parent]));
  const found = new Set([pid]);
  for (let grown = true; grown; ) {
    const size = found.size;
    for (const [process, parent] of parents) if (parent !== undefined && found.has(parent)) found.add(process);
    grown = found.size > size;
  }
  found.delete(pid);
  return [...found];
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
