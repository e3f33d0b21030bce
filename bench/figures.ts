/** What a section measures, and the one table that shows it. */
export interface Figure {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  readonly digits?: number;
  readonly target?: Target;
  /** What else explains the figure: CPU by process, sizes. */
  readonly note?: string;
}

/** The worst value that is good enough. */
export type Target = { readonly atLeast: number } | { readonly below: number };

export interface SectionResult {
  readonly figures: readonly Figure[];
  /** Every round as it was measured, for the JSON file. */
  readonly rounds: Readonly<Record<string, unknown>>;
  /** What went wrong; a figure beside it says nothing. */
  readonly errors: readonly string[];
}

export interface Options {
  readonly quick: boolean;
  readonly workFolder: string;
}

export type Section = (options: Options) => Promise<SectionResult>;

export const isMet = ({ value, target }: Figure): boolean | undefined => {
  if (target === undefined || Number.isNaN(value)) return undefined;
  return 'atLeast' in target ? value >= target.atLeast : value < target.below;
};

export function renderFigures(figures: readonly Figure[]): string {
  const lines = [['figure', 'value', '', 'target', 'note'], ...figures.map(cellsOf)];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (text: string, column: number) =>
    column === 1 ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

function cellsOf(row: Figure): string[] {
  const { figure, value, unit, digits = 0, note = '' } = row;
  return [figure, Number.isNaN(value) ? 'not measured' : value.toFixed(digits), unit, targetText(row), note];
}

function targetText(row: Figure): string {
  if (row.target === undefined) return '';
  const limit = 'atLeast' in row.target ? `>= ${row.target.atLeast}` : `< ${row.target.below}`;
  const met = isMet(row);
  return `${limit} ${met === undefined ? 'not measured' : met ? 'met' : 'MISSED'}`;
}

/** A quantile of some values; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
