/**
 * What a generation used, in the one canonical form: token counts in classes that do not overlap, so that each token is
 * priced exactly once. Absent classes are zero.
 */
export const USAGE_CLASSES = [
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
  'output_visible',
  'output_reasoning',
  'output_audio',
] as const;
export type UsageClass = (typeof USAGE_CLASSES)[number];
export type Usage = Readonly<Partial<Record<UsageClass, number>>>;

export const INPUT_CLASSES: readonly UsageClass[] = [
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
];
export const OUTPUT_CLASSES: readonly UsageClass[] = ['output_visible', 'output_reasoning', 'output_audio'];

const sum = (usage: Usage, classes: readonly UsageClass[]) => classes.reduce((total, name) => total + (usage[name] ?? 0), 0);

/** All tokens of the prompt, cached ones included. */
export const promptTokens = (usage: Usage): number => sum(usage, INPUT_CLASSES);
/** All tokens of the answer, reasoning included. */
export const completionTokens = (usage: Usage): number => sum(usage, OUTPUT_CLASSES);
