import type { ChatObject } from '../provider.js';

/** For DeepSeek, which answers as JSON only where the prompt says that word. */
const JSON_WORDS = 'Answer with one valid JSON object and nothing else: no text around it, no code fence.';

/**
 * How DeepSeek is asked for an answer by a schema: it knows `text` and `json_object` and refuses `json_schema` (its API
 * documentation, chat completion and JSON output), so that the schema is told in words, which is a wish and no guarantee.
 * @param sent the members of the body so far @param messages of the body
 */
export function withoutSchema<Message extends object>(
  sent: { readonly [name: string]: unknown },
  messages: readonly Message[],
): { readonly response_format?: object; readonly messages: readonly (Message | object)[] } {
  const { type, json_schema } = (sent['response_format'] ?? {}) as ChatObject;
  if (type !== 'json_schema') return { messages };
  const { schema } = (json_schema ?? {}) as ChatObject;
  const words = schema == null ? JSON_WORDS : `${JSON_WORDS} It must match this JSON schema: ${JSON.stringify(schema)}`;
  return { response_format: { type: 'json_object' }, messages: [{ role: 'system', content: words }, ...messages] };
}
