export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Rows in columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const BETWEEN_MS = 200;

/** How far a rebuild has come, on one line of a terminal that is written over; silent elsewhere. */
export class ProgressLine {
  private readonly startedAt = performance.now();
  private shownAt = 0;

  constructor(
    private readonly head: bigint,
    private readonly terminal = process.stderr,
  ) {}

  show({ events, position }: { readonly events: number; readonly position: bigint }): void {
    const now = performance.now();
    if (!this.terminal.isTTY || now - this.shownAt < BETWEEN_MS) return;
    this.shownAt = now;
    const perSecond = this.perSecond(events);
    this.terminal.write(`\r\x1b[Krebuilding: ${events} events, ${perSecond} events/s, position ${position} of ${this.head}`);
  }

  end(): void {
    if (this.terminal.isTTY) this.terminal.write('\r\x1b[K');
  }

  perSecond(events: number): number {
    return Math.round((events * 1_000) / Math.max(performance.now() - this.startedAt, 1));
  }
}
