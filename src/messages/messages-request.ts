import { z } from 'zod';

const TOKENS_MAX = 10_000_000;
const MESSAGES_MAX = 100_000;

const cacheControl = z.looseObject({ type: z.string() }).nullish();
const textBlock = z.looseObject({ type: z.literal('text'), text: z.string(), cache_control: cacheControl });
/** Its other members are checked where it is translated, by its type. */
const block = z.looseObject({ type: z.string(), cache_control: cacheControl });

const tool = z.looseObject({
  type: z.string().nullish(),
  name: z.string().min(1).max(128),
  description: z.string().nullish(),
  input_schema: z.looseObject({}).nullish(),
  strict: z.boolean().nullish(),
  cache_control: cacheControl,
});

const toolChoice = z.looseObject({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: z.string().min(1).nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

const thinking = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('enabled'), budget_tokens: z.number().int().min(1_024).max(TOKENS_MAX) }),
  z.looseObject({ type: z.literal('disabled') }),
  z.looseObject({ type: z.literal('adaptive') }),
]);

const format = z.looseObject({ type: z.literal('json_schema'), schema: z.looseObject({}) });

/** The body of Anthropic's Messages (its API reference; @anthropic-ai/sdk 1.12.0, `MessageCreateParams`). */
export const messagesRequest = z.looseObject({
  model: z.string().min(1).max(256),
  max_tokens: z.number().int().positive().max(TOKENS_MAX),
  system: z.union([z.string(), z.array(textBlock)], { error: 'must be a string or an array of text blocks' }).nullish(),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(['user', 'assistant', 'system']),
        content: z.union([z.string(), z.array(block)], { error: 'must be a string or an array of content blocks' }),
      }),
    )
    .min(1)
    .max(MESSAGES_MAX),
  tools: z.array(tool).max(1_000).nullish(),
  tool_choice: toolChoice.nullish(),
  stop_sequences: z.array(z.string()).max(16).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
  stream: z.boolean().nullish(),
  thinking: thinking.nullish(),
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
  output_config: z
    .looseObject({ effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(), format: format.nullish() })
    .nullish(),
});

export type MessagesRequest = z.output<typeof messagesRequest>;
export type InputBlock = z.output<typeof block>;
