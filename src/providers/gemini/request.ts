import type { ChatCall } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { conversation } from './contents.js';
import { thinkingConfig } from './thinking.js';
import { functionCallingConfig, functionDeclarations, schemaOf } from './tools.js';
import { isGiven, isObject, type Json } from './values.js';

/** Gemini's names of what needs no translation, sent where the model's `supported_parameters` name it. */
const SAMPLING: Readonly<Record<string, string>> = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  seed: 'seed',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
};
const STOP_SEQUENCES_MAX = 5;

/** Every word that Gemini has. No logit bias, no switch for parallel calls, no penalty for repetition. */
export const WORDS: ReadonlySet<string> = new Set([
  ...Object.keys(SAMPLING),
  ...['stop', 'n', 'logprobs', 'top_logprobs', 'response_format', 'structured_outputs', 'tools', 'tool_choice'],
  ...['max_tokens', 'max_completion_tokens', 'reasoning', 'reasoning_effort', 'include_reasoning'],
]);

/** The body of a request, at once and as a stream alike. By allow-list, as every format's. Safety settings are left to Google. */
export function requestBody(call: ChatCall): object {
  const { request, upstreamModel } = call;
  const given = (name: string): unknown => (call.supportedParameters.includes(name) ? request[name] : undefined);
  const declarations = functionDeclarations(given('tools'));
  const choice = given('tool_choice');
  const config = generationConfig(call, given);
  return {
    ...conversation(request.messages, upstreamModel),
    ...(declarations.length > 0 && { tools: [{ functionDeclarations: declarations }] }),
    ...(declarations.length > 0 && isGiven(choice) && { toolConfig: { functionCallingConfig: functionCallingConfig(choice) } }),
    ...(Object.keys(config).length > 0 && { generationConfig: config }),
  };
}

function generationConfig(call: ChatCall, given: (name: string) => unknown): Json {
  const config: Record<string, unknown> = {};
  for (const [name, word] of Object.entries(SAMPLING)) if (isGiven(given(name))) config[word] = given(name);
  const stops = [given('stop') ?? []].flat();
  if (stops.length > STOP_SEQUENCES_MAX)
    throw new CannotSay(`Google takes at most ${STOP_SEQUENCES_MAX} stop sequences.`, 'stop');
  if (stops.length > 0) config['stopSequences'] = stops;
  const { n } = call.request;
  if (typeof n === 'number' && n > 1) config['candidateCount'] = n;
  // Thoughts count within it.
  if (call.outputTokensMax !== undefined) config['maxOutputTokens'] = call.outputTokensMax;
  if (given('logprobs') === true) Object.assign(config, logprobs(call));
  const format = call.request['response_format'];
  if (['response_format', 'structured_outputs'].some((name) => call.supportedParameters.includes(name))) {
    Object.assign(config, responseFormat(format));
  }
  const thinking = thinkingConfig(call);
  if (thinking !== undefined) config['thinkingConfig'] = thinking;
  return config;
}

/** `top_logprobs` is OpenAI's for how many, and 0 for only the chosen one. */
function logprobs({ request }: ChatCall): Json {
  const most = request['top_logprobs'];
  return { responseLogprobs: true, ...(typeof most === 'number' && most > 0 && { logprobs: most }) };
}

function responseFormat(format: unknown): Json {
  if (!isObject(format) || format['type'] === 'text') return {};
  if (format['type'] === 'json_object') return { responseMimeType: 'application/json' };
  if (format['type'] !== 'json_schema') throw new CannotSay('Google has no word for this format.', 'response_format.type');
  const schema = isObject(format['json_schema']) ? format['json_schema']['schema'] : undefined;
  return { responseMimeType: 'application/json', ...(isObject(schema) && { responseJsonSchema: schemaOf(schema) }) };
}
