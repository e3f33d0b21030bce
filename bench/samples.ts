import { type Bench, type Load, type Measured, TARGETS, type TargetName } from './bench.js';

export type Values = Partial<Record<TargetName, number>>;

/** One line of the table. */
export interface Row {
  figure: string;
  values: Values;
  digits: number;
  /** Ours beside the floor: a ratio to the pass-through, or what is added to the direct call. */
  against?: 'ratio' | 'difference';
  target?: Limit;
}

/** Highest figures that are good enough: of the value itself or of the comparison, per way of using accounts. */
export interface Limit {
  of: 'value' | 'compared';
  oneAccount?: number;
  ownAccounts?: number;
  aim?: number;
}

export interface SuiteResult {
  rows: Row[];
  /** Everything measured, cell by cell and round by round, for the JSON file. */
  cells: Record<string, unknown>;
  /** Calls that failed; their cells say nothing about speed. */
  errors: string[];
}

export type Suite = (bench: Bench) => Promise<SuiteResult>;

export interface NamedLoad {
  name: string;
  load: Load;
  targets?: readonly TargetName[];
}

/** Runs every load against every target, round after round, so that what drifts in the machine falls on all of them. */
export async function sample(bench: Pick<Bench, 'rounds' | 'measure'>, loads: NamedLoad[]): Promise<Samples> {
  const samples = new Samples();
  for (let round = 0; round < bench.rounds; round++) {
    for (const { name, load, targets = TARGETS } of loads) {
      for (let turn = 0; turn < targets.length; turn++) {
        const target = targets[(turn + round) % targets.length];
        if (target === undefined) continue;
        samples.add(name, await bench.measure(target, load));
        process.stderr.write('.');
      }
    }
  }
  return samples;
}

export class Samples {
  private readonly measured = new Map<string, Measured[]>();

  add(cell: string, measured: Measured): void {
    this.measured.set(cell, [...(this.measured.get(cell) ?? []), measured]);
  }

  /** Everything measured in one cell, in the order of the rounds. */
  all(cell: string): readonly Measured[] {
    return this.measured.get(cell) ?? [];
  }

  /** The median over the rounds, for each target that the cell was measured on. */
  medians(cell: string, pick: (measured: Measured) => number): Values {
    const values: Values = {};
    for (const name of TARGETS) {
      const picked = this.all(cell)
        .filter(({ target }) => target === name)
        .map(pick);
      if (picked.length > 0) values[name] = median(picked);
    }
    return values;
  }

  cells(): Record<string, Measured[]> {
    return Object.fromEntries(this.measured);
  }

  errors(): string[] {
    return [...this.measured].flatMap(([cell, all]) =>
      all.flatMap(({ target, errors }) =>
        Object.entries(errors).map(([reason, times]) => `${cell}, ${target}: ${times} x ${reason}`),
      ),
    );
  }
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Warms the code of every server up: a figure from half-compiled code is a figure about the compiler. */
export async function warmUp(
  bench: Pick<Bench, 'quick' | 'measure'>,
  load: Load,
  targets: readonly TargetName[] = TARGETS,
): Promise<void> {
  const seconds = bench.quick ? 3 : 8;
  for (const target of targets) await bench.measure(target, { ...load, seconds });
}
