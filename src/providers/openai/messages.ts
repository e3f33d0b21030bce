import type { ChatMessage, ContentPart } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { reasoningIn } from './reasoning-text.js';

/** How a server's messages differ from OpenAI's. */
export interface MessageRules {
  /** Whether it knows the role `developer`: it is `system` to others. */
  readonly developers: boolean;
  /** Whether it reads text and nothing else. */
  readonly textOnly: boolean;
  /** Whether the assistant's reasoning is given back in a conversation with tool calls: DeepSeek refuses one without it while thinking. */
  readonly reasoningBack: boolean;
}

/** OpenAI refuses a message with any other member; OpenRouter's have some: `reasoning`, `reasoning_details`, `cache_control`, `images`. */
const MEMBERS = new Set(['role', 'content', 'name', 'refusal', 'audio', 'function_call', 'tool_calls', 'tool_call_id']);

/** The messages as the server takes them; one that needs no edit is passed as it is. Throws CannotSay. */
export function upstreamMessages(messages: readonly ChatMessage[], rules: MessageRules): readonly object[] {
  const givesBack = rules.reasoningBack && messages.some(callsTools);
  return messages.map((message, index) => {
    const edited = upstreamMessage(message, `messages[${index}]`, rules);
    return givesBack && message.role === 'assistant' ? { ...edited, reasoning_content: reasoningIn(message) } : edited;
  });
}

function upstreamMessage(message: ChatMessage, path: string, rules: MessageRules): object {
  const content = upstreamContent(message.content, path, rules);
  const role = message.role === 'developer' && !rules.developers ? 'system' : message.role;
  const names = Object.keys(message);
  const sent = names.filter((name) => isSent(name, message));
  if (content === message.content && role === message.role && sent.length === names.length) return message;
  const edited = Object.fromEntries(sent.map((name) => [name, message[name]]));
  return { ...edited, role, ...('content' in message && { content }) };
}

function isSent(name: string, message: ChatMessage): boolean {
  if (name === 'tool_calls') return callsTools(message);
  // OpenRouter's client names the tool beside its result, which these servers know by the id of its call alone.
  if (name === 'name') return message.role !== 'tool';
  return MEMBERS.has(name);
}

function upstreamContent(content: ChatMessage['content'], path: string, { textOnly }: MessageRules): ChatMessage['content'] {
  if (!Array.isArray(content)) return content;
  const parts: readonly ContentPart[] = content;
  const mute = textOnly ? parts.findIndex(({ type }) => type !== 'text') : -1;
  if (mute >= 0) throw new CannotSay(`This model reads text only, not ${parts[mute]?.type}.`, `${path}.content[${mute}]`);
  return parts.some((part) => 'cache_control' in part) ? parts.map(withoutCacheControl) : content;
}

/** OpenAI caches by itself and refuses the mark. */
export function withoutCacheControl<Marked extends object>(marked: Marked): Marked {
  if (!('cache_control' in marked)) return marked;
  const { cache_control: _, ...rest } = marked;
  return rest as Marked;
}

/** What a client returns of an answer may hold none as null or as an empty list: both are refused. */
const callsTools = ({ tool_calls }: ChatMessage) => Array.isArray(tool_calls) && tool_calls.length > 0;
