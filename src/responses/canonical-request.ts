import { Conversation } from '../canonical-chat/index.js';
import { invalid } from '../http/validation.js';
import type { ChatObject } from '../providers/index.js';
import { addItem } from './input-items.js';
import type { ResponsesRequest } from './responses-request.js';

/** The body of the chat completion that asks the same. Throws the 400 that names what cannot be asked here. */
export function canonicalRequest(asked: ResponsesRequest): ChatObject {
  refuseState(asked);
  const { model, max_output_tokens, temperature, top_p, stream, reasoning, text, prompt_cache_key } = asked;
  const tools = functionsOf(asked.tools);
  const given = {
    // OpenRouter's words for routing, which its own Responses take as well.
    models: asked['models'],
    provider: asked['provider'],
    max_tokens: max_output_tokens,
    temperature,
    top_p,
    stream,
    reasoning,
    response_format: responseFormat(text?.format),
    verbosity: text?.verbosity,
    tools,
    tool_choice: tools && choiceOf(asked.tool_choice),
    parallel_tool_calls: tools && asked.parallel_tool_calls,
    user: asked.user,
    safety_identifier: asked.safety_identifier,
    prompt_cache_key,
  };
  return {
    model,
    messages: messagesOf(asked),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
  };
}

function messagesOf({ instructions, input }: ResponsesRequest): unknown {
  const conversation = new Conversation();
  if (instructions != null && instructions !== '') conversation.say('system', [{ type: 'text', text: instructions }]);
  if (typeof input === 'string') conversation.say('user', [{ type: 'text', text: input }]);
  else for (const [index, item] of input.entries()) addItem(item, conversation, `input[${index}]`);
  return conversation.messages();
}

/** What needs a store, or a call that goes on without its client. `store` itself is only a wish: the answer says false. */
function refuseState(asked: ResponsesRequest): void {
  for (const name of ['previous_response_id', 'conversation', 'prompt'] as const) {
    if (asked[name] != null) throw invalid(name, 'needs stored state, and nothing is stored here: send the whole input');
  }
  if (asked['background'] === true) throw invalid('background', 'is not available here');
}

function functionsOf(tools: ResponsesRequest['tools']): ChatObject[] | undefined {
  if (tools == null || tools.length === 0) return undefined;
  return tools.map(({ type, name, description, parameters, strict }, index) => {
    if (type !== 'function') {
      throw invalid(
        `tools[${index}].type`,
        `${JSON.stringify(type.slice(0, 64))} is a tool that cannot be run here; define it as a function`,
      );
    }
    if (name == null) throw invalid(`tools[${index}].name`, 'is required');
    return {
      type: 'function',
      function: {
        name,
        ...(description != null && { description }),
        ...(parameters != null && { parameters }),
        ...(strict != null && { strict }),
      },
    };
  });
}

function choiceOf(choice: ResponsesRequest['tool_choice']): unknown {
  if (choice == null || typeof choice === 'string') return choice;
  const { type, name } = choice;
  if (type !== 'function') throw invalid('tool_choice.type', `${JSON.stringify(type.slice(0, 64))} cannot be chosen here`);
  if (name == null) throw invalid('tool_choice.name', 'is required');
  return { type: 'function', function: { name } };
}

function responseFormat(format: NonNullable<ResponsesRequest['text']>['format']): ChatObject | undefined {
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json_object' };
    case 'json_schema': {
      const { name, schema, description, strict } = format;
      const said = { ...(description != null && { description }), ...(strict != null && { strict }) };
      return { type: 'json_schema', json_schema: { name, schema, ...said } };
    }
  }
}
