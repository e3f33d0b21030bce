import { z } from 'zod';

const TOKENS_MAX = 10_000_000;
const ITEMS_MAX = 100_000;

/** Its other members are checked where it is translated, by its type. */
const item = z.looseObject({ type: z.string().nullish() });

const tool = z.looseObject({
  type: z.string(),
  name: z.string().min(1).max(128).nullish(),
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
  strict: z.boolean().nullish(),
});

const toolChoice = z.union(
  [z.enum(['auto', 'none', 'required']), z.looseObject({ type: z.string(), name: z.string().nullish() })],
  { error: 'must be "auto", "none", "required" or a function' },
);

const format = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().min(1).max(64),
    schema: z.looseObject({}),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

/** The body of OpenAI's Responses (its API reference; openai 6.49.0, `ResponseCreateParams`). */
export const responsesRequest = z.looseObject({
  model: z.string().min(1).max(256),
  input: z.union([z.string(), z.array(item).min(1).max(ITEMS_MAX)], { error: 'must be a string or an array of items' }),
  instructions: z.string().nullish(),
  tools: z.array(tool).max(1_000).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  max_output_tokens: z.number().int().positive().max(TOKENS_MAX).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  text: z.looseObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish(), summary: z.string().nullish() }).nullish(),
  stream: z.boolean().nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
});

export type ResponsesRequest = z.output<typeof responsesRequest>;
export type InputItem = z.output<typeof item>;
