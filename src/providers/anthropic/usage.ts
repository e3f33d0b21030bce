/**
 * Anthropic's usage figures in classes that do not overlap. `input_tokens` leaves out both cache classes; `output_tokens` includes
 * thinking, also where the visible thinking is a summary that is shorter than what is billed (@anthropic-ai/sdk, messages.d.ts,
 * `Usage` and `MessageDeltaUsage`).
 *
 * The figures are a stranger's. What cannot be right is named, and nothing is silently counted for less:
 * - an input figure that is no count leaves the whole input absent: the caller has to estimate it; null is none;
 * - cache writes without their split are 5-minute writes. A split that does not add up to its total: the total counts, the dearer
 *   1-hour writes first, and what is left over is dearer too if any of the split was;
 * - a tier, speed or place with a price of its own is named: it is not what our prices are for.
 */
import type { ReportedUsage } from '../provider.js';
import { type Figures, figuresIn, Reading } from '../usage-reading.js';

export function reportedUsage(raw: unknown): ReportedUsage | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const reading = new Reading();
  readInput(reading, raw as Figures);
  readOutput(reading, raw as Figures);
  readSurcharges(reading, raw as Figures);
  return reading;
}

function readInput(reading: Reading, figures: Figures): void {
  const input = reading.whole('input_tokens', figures.input_tokens);
  const read = reading.whole('cache_read_input_tokens', figures.cache_read_input_tokens ?? 0);
  const written = cacheWrites(reading, figures);
  if (input === undefined || read === undefined || written === undefined) return;
  reading.add('input_uncached', input);
  if (read > 0) reading.add('cache_read', read);
  if (written.fiveMinutes > 0) reading.add('cache_write_5m', written.fiveMinutes);
  if (written.hour > 0) reading.add('cache_write_1h', written.hour);
}

function cacheWrites(reading: Reading, figures: Figures): { fiveMinutes: number; hour: number } | undefined {
  const split = figuresIn(figures.cache_creation);
  const { ephemeral_5m_input_tokens: saidFive, ephemeral_1h_input_tokens: saidHour } = split;
  const five = reading.whole('ephemeral_5m_input_tokens', saidFive ?? 0);
  const hour = reading.whole('ephemeral_1h_input_tokens', saidHour ?? 0);
  const sum = (five ?? 0) + (hour ?? 0);
  const total = reading.whole('cache_creation_input_tokens', figures.cache_creation_input_tokens ?? sum);
  if (total === undefined) return undefined;
  if (sum !== total && (saidFive != null || saidHour != null)) reading.anomalies.push('cache_creation:contradicts');
  const hours = Math.min(hour ?? total, total);
  const fives = Math.min(five ?? 0, total - hours);
  const rest = total - hours - fives;
  return hours > 0 ? { fiveMinutes: fives, hour: hours + rest } : { fiveMinutes: fives + rest, hour: 0 };
}

function readOutput(reading: Reading, figures: Figures): void {
  const output = reading.whole('output_tokens', figures.output_tokens);
  if (output === undefined) return;
  const { thinking_tokens } = figuresIn(figures.output_tokens_details);
  const thought = reading.cheaper('output_reasoning', 'thinking_tokens', thinking_tokens, output, output);
  reading.add('output_visible', output - thought);
}

/** What is charged at other prices, with the value that is charged at ours. */
const PRICED_AS: Readonly<Record<string, readonly unknown[]>> = {
  service_tier: ['standard'],
  speed: ['standard'],
  inference_geo: ['global', 'not_available', ''],
};

function readSurcharges(reading: Reading, figures: Figures): void {
  for (const [name, ordinary] of Object.entries(PRICED_AS)) {
    const value = figures[name] ?? undefined;
    if (value !== undefined && !ordinary.includes(value)) reading.anomalies.push(`${name}:${wordOf(value)}`);
  }
  for (const [name, count] of Object.entries(figuresIn(figures.server_tool_use))) {
    if (count !== null && count !== 0) reading.anomalies.push(`server_tool_use:${wordOf(name)}`);
  }
}

/** A stranger's word, if it is one. */
const wordOf = (value: unknown): string => (typeof value === 'string' && /^[\w.-]{1,40}$/.test(value) ? value : 'unknown');

/**
 * The figures of one stream: those of `message_start`, over which those of `message_delta` are set. They are cumulative, so that
 * they are never added, and nullable: null leaves what was said before. Some servers tell the split of the input only at the end.
 */
export class CumulativeUsage {
  private figures: Figures | undefined;
  private readonly shrunk = new Set<string>();

  /** What is certain at the start. The output of that moment is no total: a stream that breaks off has to be estimated. */
  start(raw: unknown): ReportedUsage | undefined {
    if (typeof raw !== 'object' || raw === null) return undefined;
    const { output_tokens: _first, output_tokens_details: _details, ...figures } = raw as Figures;
    this.figures = figures;
    const { usage, anomalies } = reportedUsage(figures) as ReportedUsage;
    return { usage, anomalies: anomalies.filter((anomaly) => anomaly !== 'output_tokens:missing') };
  }

  /** What is known with one more report. */
  update(raw: unknown): ReportedUsage | undefined {
    const before = this.figures;
    if (before === undefined && (typeof raw !== 'object' || raw === null)) return undefined;
    const after = laidOver(before ?? {}, figuresIn(raw));
    this.keepIfLess('input', INPUT_FIGURES, before ?? {}, after);
    this.keepIfLess('output_tokens', OUTPUT_FIGURES, before ?? {}, after);
    this.figures = after;
    const { usage, anomalies } = reportedUsage(after) as ReportedUsage;
    return { usage, anomalies: [...anomalies, ...this.shrunk] };
  }

  /** What was used is never less later on: the greater report counts. */
  private keepIfLess(side: string, names: readonly string[], before: Figures, after: Record<string, unknown>): void {
    if (sumOf(after, names) >= sumOf(before, names)) return;
    this.shrunk.add(`${side}:shrinks`);
    for (const name of names) after[name] = before[name];
    if (names === INPUT_FIGURES) after['cache_creation'] = before['cache_creation'];
  }
}

const INPUT_FIGURES = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens'];
const OUTPUT_FIGURES = ['output_tokens'];

const sumOf = (figures: Figures, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + (Number.isFinite(figures[name]) ? (figures[name] as number) : 0), 0);

function laidOver(below: Figures, above: Figures): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (value === null || value === undefined) continue;
    merged[name] = typeof value === 'object' ? laidOver(figuresIn(merged[name]), figuresIn(value)) : value;
  }
  return merged;
}
