/**
 * What Google's API refuses in a request, in its words. Members by the REST reference (ai.google.dev/api/generate-content), limits
 * by the guides to thinking, thought signatures and function calling.
 */
export class InvalidArgument extends Error {
  constructor(
    message: string,
    readonly field = '',
  ) {
    super(message);
  }
}

export type Json = { [name: string]: unknown };

/** Takes any: what Google says in its guide for calls that have no signature. */
const UNSIGNED = 'skip_thought_signature_validator';

const MEMBERS = {
  request: 'model contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent',
  content: 'role parts',
  part: 'text thought thoughtSignature inlineData fileData functionCall functionResponse',
  inlineData: 'mimeType data',
  fileData: 'mimeType fileUri',
  functionCall: 'id name args',
  functionResponse: 'id name response',
  tool: 'functionDeclarations',
  declaration: 'name description parameters parametersJsonSchema response responseJsonSchema behavior',
  toolConfig: 'functionCallingConfig',
  functionCallingConfig: 'mode allowedFunctionNames',
  generationConfig:
    'stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs thinkingConfig mediaResolution',
  thinkingConfig: 'includeThoughts thinkingBudget thinkingLevel',
  embedRequest: 'model content taskType title outputDimensionality',
  schema:
    'type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum',
} as const;

const MIME_TYPES =
  /^(image\/(png|jpeg|webp|heic|heif)|audio\/(wav|mp3|mpeg|aiff|aac|ogg|flac|m4a|opus|webm|pcm)|video\/(mp4|mpeg|quicktime|webm)|application\/pdf|text\/plain)$/;
const BUDGETS: readonly (readonly [RegExp, number, number])[] = [
  [/2\.5-pro/, 128, 32_768],
  [/2\.5-flash/, 0, 24_576],
];

function object(value: unknown, level: keyof typeof MEMBERS, at: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgument(`Invalid value at '${at}' (type.googleapis.com/google.ai.${level})`, at);
  const known = MEMBERS[level].split(' ');
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      const where = at === '' ? '' : ` at '${at}'`;
      throw new InvalidArgument(`Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.`, at);
    }
  }
  return value as Json;
}

function list(value: unknown, at: string): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new InvalidArgument(`Invalid value at '${at}', not a list`, at);
  return value;
}

const need = (condition: boolean, message: string, at = '') => {
  if (!condition) throw new InvalidArgument(message, at);
};

/** The function calls and signatures that the fake has given: they must come back as they were. */
export type Given = ReadonlyMap<string, string>;
export const callKey = (name: unknown, args: unknown) => JSON.stringify([name, args ?? {}]);

/** @param given signatures by `callKey` */
export function checkGenerate(body: unknown, model: string, given: Given, signatures: ReadonlySet<string>): void {
  const request = object(body, 'request', '');
  const contents = list(request['contents'], 'contents');
  need(contents.length > 0, '* GenerateContentRequest.contents: contents is not specified', 'contents');
  const turns = contents.map((each, index) => checkContent(each, `contents[${index}]`, signatures));
  if (request['systemInstruction'] !== undefined) checkContent(request['systemInstruction'], 'system_instruction', signatures);
  checkResults(turns);
  if (/gemini-[3-9]/.test(model)) for (const turn of turns) checkSigned(turn, given);
  const names = list(request['tools'], 'tools').flatMap((each, index) => checkTool(each, `tools[${index}]`));
  if (request['toolConfig'] !== undefined) checkToolConfig(request['toolConfig'], names);
  if (request['generationConfig'] !== undefined) checkConfig(request['generationConfig'], model);
}

export function checkEmbed(body: unknown, model: string): void {
  const { requests } = body as Json;
  need(Object.keys(body as Json).join() === 'requests', 'Invalid JSON payload received. Unknown name.');
  need(list(requests, 'requests').length > 0, '* BatchEmbedContentsRequest.requests: is not specified');
  list(requests, 'requests').forEach((each, index) => {
    const one = object(each, 'embedRequest', `requests[${index}]`);
    need(one['model'] === `models/${model}`, '* BatchEmbedContentsRequest.requests[0].model: unexpected model name format');
    checkContent(one['content'], `requests[${index}].content`, new Set());
  });
}

interface Turn {
  readonly role: unknown;
  readonly parts: readonly Json[];
}

function checkContent(value: unknown, at: string, signatures: ReadonlySet<string>): Turn {
  const { role, parts } = object(value, 'content', at);
  need(role === undefined || role === 'user' || role === 'model', 'Please use a valid role: user, model.', at);
  const checked = list(parts, `${at}.parts`).map((part, index) => checkPart(part, `${at}.parts[${index}]`, signatures));
  need(checked.length > 0, `* GenerateContentRequest.${at}.parts: contents.parts must not be empty.`, at);
  return { role, parts: checked };
}

function checkPart(value: unknown, at: string, signatures: ReadonlySet<string>): Json {
  const part = object(value, 'part', at);
  const data = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse'].filter((name) => part[name] !== undefined);
  need(data.length === 1, `* GenerateContentRequest.${at}.data: required oneof field 'data' must have one initialized field`, at);
  if (part['text'] !== undefined) need(typeof part['text'] === 'string', `Invalid value at '${at}.text' (TYPE_STRING)`, at);
  for (const name of ['inlineData', 'fileData'] as const) {
    if (part[name] === undefined) continue;
    const { mimeType, data: bytes, fileUri } = object(part[name], name, `${at}.${name}`);
    need(name === 'fileData' || mimeType !== undefined, 'mime_type is not specified', at);
    need(mimeType === undefined || MIME_TYPES.test(String(mimeType)), `Unsupported MIME type: ${mimeType}`, at);
    if (name === 'inlineData') need(/^[A-Za-z0-9+/]+={0,2}$/.test(String(bytes)), `Base64 decoding failed for "${bytes}"`, at);
    else need(/^https:\/\/|^http:\/\//.test(String(fileUri)), `Invalid or unsupported file uri: ${fileUri}`, at);
  }
  if (part['functionCall'] !== undefined) {
    const { name, args } = object(part['functionCall'], 'functionCall', `${at}.function_call`);
    need(/^[a-zA-Z_][\w.:-]{0,127}$/.test(String(name)), 'Invalid function name.', at);
    need(args === undefined || isStruct(args), `Invalid value at '${at}.function_call.args' (Struct)`, at);
  }
  if (part['functionResponse'] !== undefined) {
    const { name, response } = object(part['functionResponse'], 'functionResponse', `${at}.function_response`);
    need(typeof name === 'string' && name !== '', `* ${at}.function_response.name: Name cannot be empty.`, at);
    need(isStruct(response), `Invalid value at '${at}.function_response.response' (Struct)`, at);
  }
  const signature = part['thoughtSignature'];
  need(
    signature === undefined || signature === UNSIGNED || signatures.has(String(signature)),
    'Corrupted thought signature.',
    at,
  );
  return part;
}

const isStruct = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const partsWith = ({ parts }: Turn, name: string) =>
  parts.flatMap((part) => (part[name] === undefined ? [] : [part[name] as Json]));

function checkResults(turns: readonly Turn[]): void {
  let called: Json[] = [];
  for (const turn of turns) {
    const results = partsWith(turn, 'functionResponse');
    need(
      results.length === called.length,
      'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    );
    const names = (some: readonly Json[]) => some.map(({ name }) => String(name)).sort();
    need(names(results).join() === names(called).join(), 'Please ensure that function response names match their calls.');
    called = partsWith(turn, 'functionCall');
  }
  need(called.length === 0, 'Please ensure that function call turn comes before a function response turn.');
}

function checkSigned({ parts }: Turn, given: Given): void {
  parts
    .filter((part) => part['functionCall'] !== undefined)
    .forEach(({ functionCall, thoughtSignature }, index) => {
      const { name, args } = functionCall as Json;
      const own = given.get(callKey(name, args));
      const missing = `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${name}\`, position ${index + 1}.`;
      need((own === undefined && index > 0) || thoughtSignature !== undefined, missing);
      need(own === undefined || thoughtSignature === own || thoughtSignature === UNSIGNED, 'Thought signature is not valid.');
    });
}

function checkTool(value: unknown, at: string): string[] {
  const tool = object(value, 'tool', at);
  return list(tool['functionDeclarations'], at).map((each, index) => {
    const where = `${at}.function_declarations[${index}]`;
    const { name, parameters, parametersJsonSchema } = object(each, 'declaration', where);
    need(/^[a-zA-Z_][\w.:-]{0,127}$/.test(String(name)), 'Invalid function name.', where);
    need(parameters === undefined || parametersJsonSchema === undefined, 'Only one of parameters may be set.', where);
    if (parameters !== undefined) checkSchema(parameters, `${where}.parameters`);
    need(
      parametersJsonSchema === undefined || isStruct(parametersJsonSchema),
      'parameters_json_schema must be an object.',
      where,
    );
    return String(name);
  });
}

function checkSchema(value: unknown, at: string): void {
  const { properties, items, anyOf } = object(value, 'schema', at);
  for (const [index, [, each]] of Object.entries((properties ?? {}) as Json).entries())
    checkSchema(each, `${at}.properties[${index}].value`);
  if (items !== undefined) checkSchema(items, `${at}.items`);
  for (const [index, each] of list(anyOf, at).entries()) checkSchema(each, `${at}.any_of[${index}]`);
}

function checkToolConfig(value: unknown, declared: readonly string[]): void {
  const { functionCallingConfig } = object(value, 'toolConfig', 'tool_config');
  const { mode, allowedFunctionNames } = object(functionCallingConfig, 'functionCallingConfig', 'tool_config');
  need(['AUTO', 'ANY', 'NONE', 'VALIDATED'].includes(String(mode)), `Invalid value at 'mode' (${mode})`);
  need(declared.length > 0, 'Function calling config is set without function_declarations.');
  const allowed = list(allowedFunctionNames, 'allowed_function_names');
  need(allowed.length === 0 || mode === 'ANY', 'Allowed function names should only be set when mode is ANY.');
  need(
    allowed.every((name) => declared.includes(String(name))),
    'allowed_function_names holds an unknown function.',
  );
}

function checkConfig(value: unknown, model: string): void {
  const config = object(value, 'generationConfig', 'generation_config');
  const stops = list(config['stopSequences'], 'stop_sequences');
  need(stops.length <= 5, 'The number of stop sequences must be at most 5.', 'stop_sequences');
  need(
    stops.every((stop) => typeof stop === 'string' && stop !== ''),
    'Invalid stop sequence.',
  );
  const { candidateCount = 1, maxOutputTokens = 1, temperature = 1, logprobs, responseJsonSchema, responseMimeType } = config;
  need(Number(candidateCount) >= 1 && Number(candidateCount) <= 8, 'candidateCount must be within [1, 8].');
  need(Number.isInteger(maxOutputTokens) && Number(maxOutputTokens) > 0, 'max_output_tokens must be positive.');
  need(Number(temperature) >= 0 && Number(temperature) <= 2, 'temperature must be in the range [0.0, 2.0].');
  need(logprobs === undefined || config['responseLogprobs'] === true, 'Logprobs is set but response_logprobs is not.');
  need(
    responseJsonSchema === undefined || responseMimeType === 'application/json',
    'response_json_schema needs a JSON mime type.',
  );
  if (config['thinkingConfig'] !== undefined) checkThinking(config['thinkingConfig'], model);
}

function checkThinking(value: unknown, model: string): void {
  const { thinkingBudget: budget, thinkingLevel: level } = object(value, 'thinkingConfig', 'generation_config.thinking_config');
  const third = /gemini-[3-9]/.test(model);
  need(third || /gemini-2\.5/.test(model), 'Thinking is not supported by this model.');
  need(budget === undefined || level === undefined, 'You can only set one of thinking budget and thinking level.');
  need(level === undefined || third, 'Thinking level is not supported for this model.');
  const levels = /-pro/.test(model) ? ['LOW', 'MEDIUM', 'HIGH'] : ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'];
  need(level === undefined || levels.includes(String(level)), `Thinking level ${level} is not supported for this model.`);
  const [, least, most] = BUDGETS.find(([models]) => models.test(model)) ?? [undefined, -1, 65_536];
  need(budget !== 0 || least === 0, 'Budget 0 is invalid. This model only works in thinking mode.');
  const inRange = budget === undefined || budget === -1 || (Number(budget) >= least && Number(budget) <= most);
  need(inRange, `The thinking budget ${budget} is invalid. Please choose a value between ${least} and ${most}.`);
}
