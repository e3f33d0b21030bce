import type { Usage, UsageClass } from '../pricing/index.js';

const TOKENS_MAX = 2 ** 31;

/** A provider's usage object, or a part of it. */
export type Figures = Readonly<Record<string, unknown>>;

export const figuresIn = (value: unknown): Figures => (typeof value === 'object' && value !== null ? (value as Figures) : {});

/**
 * Reads a stranger's figures into classes. What cannot be right is named, as `figure:fault`, and never becomes a negative or a
 * fraction: a fraction is rounded up, what is no count at all is not read.
 */
export class Reading {
  readonly anomalies: string[] = [];
  readonly usage: Usage = {};

  add(name: UsageClass, tokens: number): void {
    (this.usage as Partial<Record<UsageClass, number>>)[name] = tokens;
  }

  whole(figure: string, value: unknown): number | undefined {
    const tokens = this.tokens(figure, value);
    if (value === undefined || value === null) this.anomalies.push(`${figure}:missing`);
    return tokens;
  }

  /** A part priced above its whole: cut to what is left of it. */
  dearer(name: UsageClass, figure: string, value: unknown, left: number): number {
    const claimed = this.tokens(figure, value) ?? 0;
    if (claimed > left) this.anomalies.push(`${figure}:exceeds`);
    return this.part(name, Math.min(claimed, left));
  }

  /** A part priced at most like its whole: not believed when it is greater, cut where dearer parts overlap it. */
  cheaper(name: UsageClass, figure: string, value: unknown, whole: number, left: number): number {
    const claimed = this.tokens(figure, value) ?? 0;
    if (claimed > left) this.anomalies.push(`${figure}:exceeds`);
    return this.part(name, claimed > whole ? 0 : Math.min(claimed, left));
  }

  private part(name: UsageClass, tokens: number): number {
    if (tokens > 0) this.add(name, tokens);
    return tokens;
  }

  private tokens(figure: string, value: unknown): number | undefined {
    if (value === undefined || value === null) return undefined;
    const fault = faultOf(value);
    if (fault !== undefined) this.anomalies.push(`${figure}:${fault}`);
    return fault === undefined || fault === 'fractional' ? Math.ceil(value as number) || 0 : undefined;
  }
}

function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return 'not_a_number';
  if (value < 0) return 'negative';
  if (value > TOKENS_MAX) return 'huge';
  return Number.isInteger(value) ? undefined : 'fractional';
}
