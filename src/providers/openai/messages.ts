/** Fields that OpenRouter's messages have and OpenAI's refuse; what needs no edit is passed as it is. */
type Message = Readonly<Record<string, unknown>>;

const OPENROUTER_ONLY = ['reasoning', 'reasoning_details', 'reasoning_content', 'cache_control', 'images'] as const;

/**
 * @param thinks whether the model thinks the way DeepSeek's do: they refuse a conversation with tool calls in which the
 *   assistant's reasoning is not given back, even an empty one
 */
export function upstreamMessages(messages: unknown, thinks: boolean): unknown {
  return Array.isArray(messages)
    ? messages.map((message) => (isObject(message) ? upstreamMessage(message, thinks) : message))
    : messages;
}

function upstreamMessage(message: Message, thinks: boolean): Message {
  const content = Array.isArray(message.content) ? message.content.map(withoutCacheControl) : message.content;
  const givesBack = thinks && message.role === 'assistant' && Array.isArray(message.tool_calls) && message.tool_calls.length > 0;
  if (content === message.content && !givesBack && !OPENROUTER_ONLY.some((name) => name in message)) return message;
  const edited: Record<string, unknown> = { ...message, ...('content' in message && { content }) };
  for (const name of OPENROUTER_ONLY) delete edited[name];
  if (givesBack) edited.reasoning_content = message.reasoning ?? message.reasoning_content ?? '';
  return edited;
}

function withoutCacheControl(part: unknown): unknown {
  if (!isObject(part) || !('cache_control' in part)) return part;
  const { cache_control: _, ...rest } = part;
  return rest;
}

const isObject = (value: unknown): value is Message => typeof value === 'object' && value !== null && !Array.isArray(value);
