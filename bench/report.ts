import type { TargetName } from './bench.js';
import type { Machine } from './machine.js';
import type { Limit, Row } from './samples.js';

const HEADINGS = ['figure', 'direct', 'pass-through', 'one account', 'own accounts', 'one vs', 'own vs', 'target'];

/** The one table: what was measured, beside the floor, beside what was asked for. */
export function renderTable(rows: Row[]): string {
  const lines = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (text: string, column: number) =>
    column === 0 || column === HEADINGS.length - 1 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  const rendered = lines.map((line) => line.map(pad).join('  ').trimEnd());
  rendered.splice(1, 0, '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)));
  return rendered.join('\n');
}

export const renderMachine = ({ node, cpu, cores, fsyncP50Us, commit }: Machine): string =>
  `node ${node}, ${cores} cores, ${cpu}, fsync p50 ${fsyncP50Us.toFixed(0)} µs, commit ${commit}`;

/** Ours against the floor: times the pass-through's, or milliseconds beyond the direct call. */
export function compared({ values, against }: Row, ours: 'oneAccount' | 'ownAccounts'): number | undefined {
  const value = values[ours];
  const floor = against === 'ratio' ? values.passThrough : values.direct;
  if (against === undefined || value === undefined || floor === undefined) return undefined;
  return against === 'ratio' ? value / floor : value - floor;
}

function cellsOf(row: Row): string[] {
  const value = (name: TargetName) => figure(row.values[name], row.digits);
  const versus = (ours: 'oneAccount' | 'ownAccounts') => {
    const text = figure(compared(row, ours), 2);
    if (text === '') return '';
    return row.against === 'ratio' ? `x${text}` : text.startsWith('-') ? text : `+${text}`;
  };
  return [
    row.figure,
    value('direct'),
    value('passThrough'),
    value('oneAccount'),
    value('ownAccounts'),
    versus('oneAccount'),
    versus('ownAccounts'),
    row.target === undefined ? '' : targetText(row, row.target),
  ];
}

function targetText(row: Row, limit: Limit): string {
  const parts = (['oneAccount', 'ownAccounts'] as const).flatMap((ours) => {
    const most = limit[ours];
    if (most === undefined) return [];
    const measured = limit.of === 'value' ? row.values[ours] : compared(row, ours);
    const verdict = measured === undefined || Number.isNaN(measured) ? 'not measured' : measured <= most ? 'met' : 'MISSED';
    const aim = ours === 'oneAccount' && limit.aim !== undefined ? ` (aim ${limit.aim})` : '';
    return [`${ours === 'oneAccount' ? 'one' : 'own'} <= ${most}${aim} ${verdict}`];
  });
  return parts.join(', ');
}

const figure = (value: number | undefined, digits: number) =>
  value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits);
