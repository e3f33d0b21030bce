/**
 * What a generation used, in the one canonical form: counts in classes that do not overlap, so that each unit is priced exactly
 * once. Absent classes are zero. `input_…` and `cache_…` are tokens of the prompt, `output_…` of the answer; the others are counts
 * of things that are no tokens.
 */
export const USAGE_CLASSES = [
  'input_uncached',
  'cache_read',
  'cache_read_audio',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
  'output_visible',
  'output_reasoning',
  'output_audio',
  'output_image',
  /** Generations that reached a provider: 1, or absent where no fee is asked for it. */
  'requests',
  'web_searches',
] as const;
export type UsageClass = (typeof USAGE_CLASSES)[number];
export type Usage = Readonly<Partial<Record<UsageClass, number>>>;

export const INPUT_CLASSES: readonly UsageClass[] = [
  'input_uncached',
  'cache_read',
  'cache_read_audio',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
];
export const OUTPUT_CLASSES: readonly UsageClass[] = ['output_visible', 'output_reasoning', 'output_audio', 'output_image'];

/** All tokens of the prompt, cached ones included. */
export const promptTokens = (usage: Usage): number => sum(usage, INPUT_CLASSES);
/** All tokens of the answer, reasoning included. */
export const completionTokens = (usage: Usage): number => sum(usage, OUTPUT_CLASSES);

function sum(usage: Usage, classes: readonly UsageClass[]): number {
  let total = 0;
  for (const name of classes) total += usage[name] ?? 0;
  return total;
}
