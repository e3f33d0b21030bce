import { z } from 'zod';
import { invalid } from '../http/validation.js';
import type { ChatObject } from '../providers/index.js';

const CHOICES_MAX = 128;

/** The body of a text completion (OpenAI's API reference, completions). What chat completions have as well is checked there. */
export const textRequest = z.looseObject({
  prompt: z.union([z.string(), z.array(z.unknown())], { error: 'must be a string or an array of one string' }),
  suffix: z.string().nullish(),
  echo: z.boolean().nullish(),
  n: z.number().int().positive().max(CHOICES_MAX).nullish(),
  best_of: z.number().int().positive().nullish(),
});

export type TextRequest = z.output<typeof textRequest>;

/** What goes on as it is. Tools and the log probabilities of tokens have no place in an answer of text. */
const SAME = [
  ...['model', 'models', 'provider', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'n', 'temperature'],
  ...['top_p', 'top_k', 'top_a', 'min_p', 'frequency_penalty', 'presence_penalty', 'repetition_penalty', 'seed', 'stop'],
  ...['logit_bias', 'response_format', 'reasoning', 'reasoning_effort', 'include_reasoning', 'verbosity', 'prompt_cache_key'],
  ...['user', 'safety_identifier', 'service_tier', 'metadata'],
];

/** The body of the chat completion that asks the same. Throws the 400 that names what would make it mean another thing. */
export function canonicalRequest(asked: TextRequest): ChatObject {
  const { suffix, echo, best_of, n } = asked;
  if (suffix != null && suffix !== '') throw invalid('suffix', 'is not available: text cannot be inserted here');
  if (echo === true) throw invalid('echo', 'is not available: the prompt cannot be told again here');
  if (best_of != null && best_of > (n ?? 1)) throw invalid('best_of', 'must not be more than n');
  const same = SAME.filter((name) => asked[name] != null).map((name) => [name, asked[name]]);
  return { ...Object.fromEntries(same), messages: [{ role: 'user', content: promptOf(asked) }] };
}

function promptOf({ prompt }: TextRequest): string {
  if (typeof prompt === 'string') return prompt;
  const [only, ...others] = prompt;
  if (others.length > 0) throw invalid('prompt', 'must be one string: send a request for each prompt');
  if (typeof only !== 'string') throw invalid('prompt', 'must be text: tokens are not the same for every model');
  return only;
}
