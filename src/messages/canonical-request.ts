import { createHash } from 'node:crypto';
import { Conversation } from '../canonical-chat/index.js';
import type { ChatObject } from '../providers/index.js';
import { addMessage } from './message-content.js';
import { choiceOf, functionsOf, refuseServerFeatures } from './message-tools.js';
import type { MessagesRequest } from './messages-request.js';

/** The longest `user` that OpenAI takes. */
const USER_MAX = 64;

/** The body of the chat completion that asks the same. Throws the 400 that names what cannot be asked here. */
export function canonicalRequest(asked: MessagesRequest): ChatObject {
  refuseServerFeatures(asked);
  const { model, max_tokens, stop_sequences, temperature, top_p, top_k, stream, metadata, output_config } = asked;
  const tools = functionsOf(asked.tools);
  const format = output_config?.format;
  const given = {
    // OpenRouter's words for routing, which its own Messages take as well.
    models: asked['models'],
    provider: asked['provider'],
    temperature,
    top_p,
    top_k,
    stream,
    stop: stop_sequences?.length === 0 ? undefined : stop_sequences,
    tools,
    user: metadata?.user_id == null ? undefined : userOf(metadata.user_id),
    response_format: format && {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: format.schema, strict: true },
    },
  };
  return {
    model,
    messages: messagesOf(asked),
    max_tokens,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
    ...(tools && choiceOf(asked.tool_choice)),
    ...reasoningOf(asked),
  };
}

function messagesOf({ system, messages }: MessagesRequest): unknown {
  const conversation = new Conversation();
  if (typeof system === 'string' && system !== '') conversation.say('system', [{ type: 'text', text: system }]);
  if (Array.isArray(system) && system.length > 0) {
    conversation.say(
      'system',
      system.map(({ text, cache_control }) => ({ type: 'text', text, ...(cache_control != null && { cache_control }) })),
    );
  }
  for (const [index, message] of messages.entries()) addMessage(message, conversation, `messages[${index}]`);
  return conversation.messages();
}

/** Effort governs thinking where the model is to think by it; else it is how much the model says, for which most have three words. */
function reasoningOf({ thinking, output_config }: MessagesRequest): ChatObject {
  const effort = output_config?.effort ?? undefined;
  const verbosity = effort === undefined ? {} : { verbosity: effort === 'low' || effort === 'medium' ? effort : 'high' };
  switch (thinking?.type) {
    case undefined:
      return verbosity;
    case 'disabled':
      return { reasoning: { enabled: false }, ...verbosity };
    case 'enabled':
      return { reasoning: { enabled: true, max_tokens: thinking.budget_tokens }, ...verbosity };
    case 'adaptive':
      return { reasoning: { enabled: true, ...(effort !== undefined && { effort }) } };
  }
}

/** Some tools send ids that are longer than other providers take. */
const userOf = (id: string): string => (id.length <= USER_MAX ? id : createHash('sha256').update(id).digest('hex'));
