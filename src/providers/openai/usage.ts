/**
 * OpenAI's and DeepSeek's usage figures in classes that do not overlap. `prompt_tokens` includes what was cached, written to
 * the cache and heard; `completion_tokens` includes reasoning, audio and rejected predictions (openai SDK, completions.d.ts;
 * DeepSeek counts cache hits in `prompt_cache_hit_tokens`).
 *
 * The figures are a stranger's. What cannot be right is named, as `figure:fault`, and never becomes a negative or a fraction:
 * - a whole that is missing, negative or beyond 2^31 leaves its classes absent: the caller has to estimate them;
 * - a part that does not fit is billed at the plain rate of its whole if it would be cheaper, and cut to the whole if dearer;
 * - a fraction is rounded up;
 * - where `total_tokens` says otherwise, prompt and completion count.
 */
import type { Usage, UsageClass } from '../../pricing/index.js';
import type { ReportedUsage } from '../provider.js';

const TOKENS_MAX = 2 ** 31;

type Figures = Readonly<Record<string, unknown>>;

export function reportedUsage(raw: unknown): ReportedUsage | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const reading = new Reading();
  const figures = raw as Figures;
  const input = figuresIn(figures.prompt_tokens_details);
  const output = figuresIn(figures.completion_tokens_details);

  const prompt = reading.whole('prompt_tokens', figures.prompt_tokens);
  if (prompt !== undefined) {
    let left = prompt;
    left -= reading.dearer('input_audio', 'audio_tokens', input.audio_tokens, left);
    left -= reading.dearer('cache_write_5m', 'cache_write_tokens', input.cache_write_tokens, left);
    const cached = input.cached_tokens ?? figures.prompt_cache_hit_tokens;
    left -= reading.cheaper('cache_read', 'cached_tokens', cached, prompt, left);
    reading.add('input_uncached', left);
  }

  const completion = reading.whole('completion_tokens', figures.completion_tokens);
  if (completion !== undefined) {
    let left = completion;
    left -= reading.dearer('output_audio', 'completion_audio_tokens', output.audio_tokens, left);
    left -= reading.cheaper('output_reasoning', 'reasoning_tokens', output.reasoning_tokens, completion, left);
    reading.add('output_visible', left);
  }

  const total = figures.total_tokens ?? undefined;
  if (total !== undefined && prompt !== undefined && completion !== undefined && total !== prompt + completion) {
    reading.anomalies.push('total_tokens:contradicts');
  }
  return { usage: reading.usage, anomalies: reading.anomalies };
}

const figuresIn = (value: unknown): Figures => (typeof value === 'object' && value !== null ? (value as Figures) : {});

class Reading {
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
