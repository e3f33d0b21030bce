/**
 * What the real servers refuse with a 400, so that a request that only a fake would take fails a test: OpenAI's rules as its SDK's
 * types and its error messages have them, DeepSeek's from its API documentation. The model's name says whose rules hold; a server
 * that is neither takes the sampling of open models too.
 */
export interface Refusal {
  message: string;
  type: 'invalid_request_error';
  param: string | null;
  code: string | null;
}

type Json = Readonly<Record<string, unknown>>;
type Rules = 'openai' | 'deepseek' | 'compatible';

/** openai SDK, ChatCompletionCreateParamsBase. */
const OPENAI_MEMBERS = [
  ...['messages', 'model', 'audio', 'frequency_penalty', 'function_call', 'functions', 'logit_bias', 'logprobs', 'n', 'user'],
  ...['max_completion_tokens', 'max_tokens', 'metadata', 'modalities', 'moderation', 'parallel_tool_calls', 'prediction'],
  ...['presence_penalty', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'reasoning_effort'],
  ...['response_format', 'safety_identifier', 'seed', 'service_tier', 'stop', 'store', 'stream', 'stream_options', 'temperature'],
  ...['tool_choice', 'tools', 'top_logprobs', 'top_p', 'verbosity', 'web_search_options'],
];
const MEMBERS: Readonly<Record<Rules, ReadonlySet<string>>> = {
  openai: new Set(OPENAI_MEMBERS),
  deepseek: new Set([
    ...['messages', 'model', 'frequency_penalty', 'max_tokens', 'presence_penalty', 'response_format', 'stop', 'stream', 'tools'],
    ...['stream_options', 'temperature', 'top_p', 'tool_choice', 'logprobs', 'top_logprobs', 'thinking', 'reasoning_effort'],
  ]),
  compatible: new Set([...OPENAI_MEMBERS, 'top_k', 'min_p', 'repetition_penalty', 'thinking']),
};

const COMMON = ['role', 'content', 'name'];
const ASSISTANT = [...COMMON, 'refusal', 'audio', 'function_call', 'tool_calls', 'annotations'];
const MESSAGE_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  ...{ system: COMMON, developer: COMMON, user: COMMON, function: COMMON, assistant: ASSISTANT },
  tool: ['role', 'content', 'tool_call_id'],
};
const PART_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  ...{ text: ['text'], image_url: ['image_url'], input_audio: ['input_audio'], file: ['file'], refusal: ['refusal'] },
};

/** undefined where a real server would take the body. */
export function refusalOf(body: Json): Refusal | undefined {
  const rules = rulesOf(String(body['model']));
  const unknown = Object.keys(body).find((name) => !MEMBERS[rules].has(name));
  if (unknown !== undefined) return unknownParameter(unknown);
  if (!isList(body['messages']))
    return refuse("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  return (
    refusedTogether(body) ??
    (rules === 'openai' ? refusedByReasoning(body) : undefined) ??
    refusedMessages(body, rules) ??
    (rules === 'deepseek' ? refusedByDeepSeek(body) : undefined)
  );
}

function rulesOf(model: string): Rules {
  if (model.startsWith('deepseek')) return 'deepseek';
  return /^(ft:)?(gpt|o\d|chatgpt|codex)/.test(model) ? 'openai' : 'compatible';
}

function refusedTogether(body: Json): Refusal | undefined {
  if (body['stream_options'] != null && body['stream'] !== true)
    return refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  if (body['metadata'] != null && body['store'] !== true)
    return refuse("The 'metadata' parameter is only allowed when 'store' is enabled.", 'metadata');
  if (body['max_tokens'] != null && body['max_completion_tokens'] != null)
    return refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", 'max_tokens');
  return undefined;
}

/** The values that a reasoning model has anyway. */
const FIXED: Json = { temperature: 1, top_p: 1, frequency_penalty: 0, presence_penalty: 0, logprobs: false, top_logprobs: 0 };

function refusedByReasoning(body: Json): Refusal | undefined {
  if (!/^(ft:)?(o\d|gpt-([5-9]|\d\d)(?!.*-chat)|codex)/.test(String(body['model']))) return undefined;
  if (body['max_tokens'] != null) {
    const instead = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    return refuse(instead, 'max_tokens', 'unsupported_parameter');
  }
  if (body['reasoning_effort'] === 'none') return undefined;
  const name = Object.keys(FIXED).find((each) => body[each] != null && body[each] !== FIXED[each]);
  if (name === undefined) return undefined;
  const message = `Unsupported value: '${name}' does not support ${body[name]} with this model. Only the default (${FIXED[name]}) value is supported.`;
  return refuse(message, name, 'unsupported_value');
}

function refusedMessages({ messages }: Json, rules: Rules): Refusal | undefined {
  /** Ids of the tool calls that wait for their results. */
  let waiting = new Set<unknown>();
  for (const [index, message] of (messages as Json[]).entries()) {
    const path = `messages[${index}]`;
    const form = refusedForm(message, path, rules);
    if (form !== undefined) return form;
    if (message['role'] === 'tool') {
      if (!waiting.delete(message['tool_call_id']))
        return refuse("Messages with role 'tool' must be a response to a preceding message with 'tool_calls'.", `${path}.role`);
      continue;
    }
    if (waiting.size > 0) return unanswered(waiting, path);
    waiting = new Set(isList(message['tool_calls']) ? message['tool_calls'].map(({ id }) => id) : []);
  }
  return waiting.size > 0 ? unanswered(waiting, 'messages') : undefined;
}

const unanswered = (ids: ReadonlySet<unknown>, path: string) =>
  refuse(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. Missing: ${[...ids].join(', ')}`,
    path,
  );

function refusedForm(message: Json, path: string, rules: Rules): Refusal | undefined {
  const role = String(message['role']);
  const allowed = MESSAGE_MEMBERS[role];
  if (allowed === undefined || (rules === 'deepseek' && role === 'developer'))
    return refuse(`Invalid value: '${role}'.`, `${path}.role`, 'invalid_value');
  const isKnown = (name: string) => allowed.includes(name) || (rules === 'deepseek' && name === 'reasoning_content');
  const unknown = Object.keys(message).find((name) => !isKnown(name));
  if (unknown !== undefined) return unknownParameter(`${path}.${unknown}`);
  if ('tool_calls' in message && !(isList(message['tool_calls']) && message['tool_calls'].length > 0))
    return refuse(`Invalid '${path}.tool_calls': expected an array with minimum length 1.`, `${path}.tool_calls`, 'empty_array');
  const parts = isList(message['content']) ? message['content'] : [];
  for (const [index, part] of parts.entries()) {
    const refused = refusedPart(part, `${path}.content[${index}]`, rules);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function refusedPart(part: Json, path: string, rules: Rules): Refusal | undefined {
  const type = String(part['type']);
  const members = PART_MEMBERS[type];
  if (rules === 'compatible') return undefined;
  if (members === undefined) return refuse(`Invalid value: '${type}'.`, `${path}.type`, 'invalid_value');
  if (rules === 'deepseek' && type !== 'text') return refuse(`${path}: unknown variant \`${type}\`, expected \`text\``, null);
  const unknown = Object.keys(part).find(
    (name) => name !== 'type' && name !== 'prompt_cache_breakpoint' && !members.includes(name),
  );
  return unknown === undefined ? undefined : unknownParameter(`${path}.${unknown}`);
}

function refusedByDeepSeek({ messages, thinking, logprobs, top_logprobs }: Json): Refusal | undefined {
  if ((thinking as Json | undefined)?.['type'] === 'disabled') return undefined;
  if (logprobs != null || top_logprobs != null) return refuse('The thinking mode does not support logprobs.', 'logprobs');
  const calling = (messages as Json[]).filter((message) => isList(message['tool_calls']));
  return calling.every((message) => typeof message['reasoning_content'] === 'string')
    ? undefined
    : refuse('The `reasoning_content` in the thinking mode must be passed back to the API.', null);
}

const isList = (value: unknown): value is Json[] => Array.isArray(value);
const unknownParameter = (path: string) => refuse(`Unknown parameter: '${path}'.`, path, 'unknown_parameter');
const refuse = (message: string, param: string | null, code: string | null = null): Refusal => ({
  ...{ message, type: 'invalid_request_error', param, code },
});
