import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, type Load, type Measured, measureOn, type TargetName } from './bench.js';
import type { Gateway } from './gateway.js';
import type { CellResult } from './load/cell.js';
import { askProbe, type LoopDelay } from './loop-delay.js';

/** A gateway that serves calls and does nothing else: no read models, no jobs. */
export interface OwnGateway {
  rounds: number;
  quick: boolean;
  /** One cell with one account for all its connections; `target` names its column in the table. */
  measure(target: TargetName, load: Load): Promise<Measured>;
  /** One cell, and how late the event loop was meanwhile. */
  delayed(load: Load): Promise<Delayed>;
}

export interface Delayed extends CellResult {
  delay: LoopDelay;
}

const PROBE = new URL('./loop-probe.js', import.meta.url).href;

/** Starts a gateway with the role `api` alone, and a probe of its event loop; stops it when the suite is done with it. */
export async function withOwnGateway<T>(bench: Bench, use: (own: OwnGateway) => Promise<T>): Promise<T> {
  const probe = join(mkdtempSync(join(bench.workFolder, 'probe-')), 'socket');
  const gateway = await bench.startGateway({ ROLES: 'api', NODE_OPTIONS: `--import ${PROBE}`, LOOP_PROBE: probe });
  try {
    return await use(ownGateway(bench, gateway, await gateway.openAccounts(1), probe));
  } finally {
    await gateway.stop();
  }
}

function ownGateway({ rounds, quick, load }: Bench, gateway: Gateway, keys: string[], probe: string): OwnGateway {
  const target = { port: gateway.port, pid: gateway.pid, keys };
  return {
    rounds,
    quick,
    measure: (name, cell) => measureOn(load, target, name, cell, gateway.counters),
    async delayed(cell) {
      // What was before the cell is read away.
      await askProbe(probe);
      const result = await load.run({ ...cell, port: target.port, keys });
      return { ...result, delay: await askProbe(probe) };
    },
  };
}
