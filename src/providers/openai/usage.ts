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
import type { ReportedUsage } from '../provider.js';
import { type Figures, figuresIn, Reading } from '../usage-reading.js';

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
