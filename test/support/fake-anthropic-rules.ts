/**
 * What Anthropic's Messages API refuses, as its documentation and its 400s have it. `refusalOf` gives the message of the first rule
 * that a request breaks.
 */
import { createHash } from 'node:crypto';

export interface Block {
  type: string;
  [name: string]: unknown;
}

export interface MessagesRequest {
  model: string;
  max_tokens: number;
  messages: { role: string; content: string | Block[] }[];
  system?: string | Block[];
  stream?: boolean;
  tools?: { name: string; input_schema: unknown; [name: string]: unknown }[];
  tool_choice?: { type: string; name?: string; disable_parallel_tool_use?: boolean };
  thinking?: { type: string; budget_tokens?: number; display?: string };
  output_config?: { effort?: string; format?: { type: string; schema: unknown } };
  temperature?: number;
  top_p?: number;
  top_k?: number;
  stop_sequences?: string[];
  metadata?: { user_id?: string };
  [name: string]: unknown;
}

const MEMBERS = new Set([
  ...['model', 'max_tokens', 'messages', 'system', 'stream', 'tools', 'tool_choice', 'thinking', 'output_config', 'temperature'],
  ...['top_p', 'top_k', 'stop_sequences', 'metadata', 'service_tier', 'cache_control', 'container', 'inference_geo'],
]);
const MEDIA_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];

/** Models that think adaptively or not at all, and take no sampling parameters. */
export const isAdaptiveOnly = (model: string): boolean => /^claude-(opus-4-[789]|(sonnet|opus|haiku)-5)/.test(model);
/** Models that take temperature or top_p, and not both. */
const takesOneOfBoth = (model: string): boolean => /^claude-(opus-4-[1-6]|(sonnet|haiku)-4-[56])/.test(model);

/** The signature of a thinking block: only the text that was given with it has it. */
export const signatureOf = (thinking: string): string => createHash('sha256').update(`signed ${thinking}`).digest('base64');
const redactedDigest = (hidden: string): string => createHash('sha256').update(`hidden ${hidden}`).digest('hex');
export const redacted = (hidden: string): string => `${hidden}.${redactedDigest(hidden)}`;

class Refused extends Error {}
function demand(holds: unknown, message: string): asserts holds {
  if (!holds) throw new Refused(message);
}

export function refusalOf(body: MessagesRequest): string | undefined {
  try {
    checkMembers(body);
    checkSampling(body);
    checkThinking(body);
    checkTools(body);
    checkSystem(body);
    checkMessages(body);
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

function checkMembers(body: MessagesRequest): void {
  for (const name of Object.keys(body)) demand(MEMBERS.has(name), `${name}: Extra inputs are not permitted`);
  demand(typeof body.model === 'string', 'model: Field required');
  demand(Number.isInteger(body.max_tokens) && body.max_tokens > 0, 'max_tokens: Field required');
  const tier = body['service_tier'] ?? 'auto';
  demand(tier === 'auto' || tier === 'standard_only', "service_tier: Input should be 'auto' or 'standard_only'");
  for (const sequence of body.stop_sequences ?? []) {
    demand(sequence.trim() !== '', 'stop_sequences: each stop sequence must contain non-whitespace');
  }
  demand(!body.metadata?.user_id?.includes('@'), 'metadata.user_id: user_id appears to contain an email address');
  const { effort, format } = body.output_config ?? {};
  demand(
    effort === undefined || EFFORTS.includes(effort),
    'output_config.effort: Input should be low, medium, high, xhigh or max',
  );
  demand(format === undefined || (format.type === 'json_schema' && format.schema), 'output_config.format: invalid');
}

function checkSampling({ model, temperature, top_p, top_k, thinking }: MessagesRequest): void {
  for (const [name, value] of Object.entries({ temperature, top_p, top_k })) {
    demand(value === undefined || !isAdaptiveOnly(model), `${name}: \`${name}\` is not supported for this model.`);
  }
  const both = temperature !== undefined && top_p !== undefined;
  demand(!both || !takesOneOfBoth(model), '`temperature` and `top_p` cannot both be specified for this model.');
  demand(temperature === undefined || (temperature >= 0 && temperature <= 1), 'temperature: range: 0..1');
  demand(top_p === undefined || (top_p >= 0 && top_p <= 1), 'top_p: range: 0..1');
  if (!thinks(thinking)) return;
  demand(temperature === undefined || temperature === 1, '`temperature` may only be set to 1 when thinking is enabled.');
  demand(top_p === undefined || top_p >= 0.95, '`top_p` must be greater than or equal to 0.95 when thinking is enabled.');
  demand(top_k === undefined, '`top_k` must be unset when thinking is enabled.');
}

const thinks = (thinking: MessagesRequest['thinking']): boolean => thinking !== undefined && thinking.type !== 'disabled';

function checkThinking({ model, thinking, max_tokens, tool_choice, output_config }: MessagesRequest): void {
  if (thinking === undefined) return;
  demand(
    ['enabled', 'disabled', 'adaptive'].includes(thinking.type),
    'thinking.type: Input should be enabled, disabled or adaptive',
  );
  const members = { enabled: ['type', 'budget_tokens', 'display'], adaptive: ['type', 'display'], disabled: ['type'] };
  for (const name of Object.keys(thinking)) {
    const known = members[thinking.type as keyof typeof members].includes(name);
    demand(known, `thinking.${thinking.type}.${name}: Extra inputs are not permitted`);
  }
  if (thinking.type === 'enabled') {
    demand(!isAdaptiveOnly(model), '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".');
    const budget = thinking.budget_tokens ?? 0;
    demand(budget >= 1_024, 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
    demand(budget < max_tokens, '`max_tokens` must be greater than `thinking.budget_tokens`.');
  }
  const disabled = thinking.type === 'disabled';
  demand(!disabled || !['xhigh', 'max'].includes(output_config?.effort ?? ''), 'effort xhigh and max need thinking');
  const forced = tool_choice?.type === 'any' || tool_choice?.type === 'tool';
  demand(disabled || !forced, 'Thinking may not be enabled when tool_choice forces tool use.');
}

function checkTools({ tools, tool_choice }: MessagesRequest): void {
  for (const [index, tool] of (tools ?? []).entries()) {
    demand(/^[\w-]{1,128}$/.test(tool.name), `tools.${index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`);
    const schema = tool.input_schema as { type?: unknown } | undefined;
    demand(schema?.type === 'object', `tools.${index}.custom.input_schema.type: Field required`);
    for (const name of Object.keys(tool)) {
      const known = ['name', 'description', 'input_schema', 'cache_control'].includes(name);
      demand(known, `tools.${index}.custom.${name}: Extra inputs are not permitted`);
    }
  }
  if (tool_choice === undefined) return;
  demand(tools?.length, 'tool_choice: may only be specified while providing tools.');
  demand(['auto', 'any', 'tool', 'none'].includes(tool_choice.type), 'tool_choice.type: unknown');
  demand(tool_choice.type !== 'none' || !('disable_parallel_tool_use' in tool_choice), 'tool_choice.none: Extra inputs');
  const named = tools.some(({ name }) => name === tool_choice.name);
  demand(tool_choice.type !== 'tool' || named, `Tool '${tool_choice.name}' not found in provided tools`);
}

function checkSystem({ system }: MessagesRequest): void {
  if (typeof system !== 'object') return;
  for (const block of system) demand(block.type === 'text' && isText(block), 'system: text content blocks must be non-empty');
}

const isText = ({ text }: Block) => typeof text === 'string' && text.trim() !== '';
const blocksOf = (content: string | Block[]): Block[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content;

function checkMessages({ messages, thinking }: MessagesRequest): void {
  demand(Array.isArray(messages) && messages.length > 0, 'messages: at least one message is required');
  demand(messages[0]?.role === 'user', 'messages: first message must use the "user" role');
  for (const [index, { role, content }] of messages.entries()) {
    const path = `messages.${index}`;
    demand(role === 'user' || role === 'assistant', `${path}: role must be "user" or "assistant", not "${role}"`);
    demand(role !== messages[index - 1]?.role, `${path}: roles must alternate between "user" and "assistant"`);
    const blocks = blocksOf(content);
    demand(blocks.length > 0, `${path}: all messages must have non-empty content`);
    for (const [at, block] of blocks.entries()) checkBlock(block, role, `${path}.content.${at}`);
    checkResults(blocks, blocksOf(messages[index - 1]?.content ?? []), path);
  }
  const last = messages.at(-1);
  const end = last && blocksOf(last.content).at(-1);
  const trails = last?.role === 'assistant' && typeof end?.['text'] === 'string' && /\s$/.test(end['text']);
  demand(!trails, 'messages: final assistant content cannot end with trailing whitespace');
  checkGivenBack(messages, thinking);
}

/** Every call of the turn before has its result here, and ahead of everything else. */
function checkResults(blocks: Block[], before: Block[], path: string): void {
  const called = before.filter(({ type }) => type === 'tool_use').map(({ id }) => id);
  const results = blocks.filter(({ type }) => type === 'tool_result');
  for (const { tool_use_id: id } of results) {
    demand(called.includes(id), `${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}`);
  }
  for (const id of called) {
    const answered = results.filter(({ tool_use_id }) => tool_use_id === id).length === 1;
    demand(answered, `${path}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${id}`);
  }
  const first = blocks.slice(0, results.length).every(({ type }) => type === 'tool_result');
  demand(first, `${path}: \`tool_result\` blocks must come first in content`);
}

const OF_USERS = ['text', 'image', 'document', 'tool_result'];
const OF_ASSISTANTS = ['text', 'tool_use', 'thinking', 'redacted_thinking'];

function checkBlock(block: Block, role: string, path: string): void {
  demand((role === 'user' ? OF_USERS : OF_ASSISTANTS).includes(block.type), `${path}: Input tag '${block.type}' not expected`);
  if (block.type === 'text') demand(isText(block), `${path}: text content blocks must be non-empty`);
  if (block.type === 'image' || block.type === 'document') checkSource(block, path);
  if (block.type === 'tool_use') {
    demand(/^[\w-]+$/.test(String(block['id'])), `${path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
    const { input } = block;
    demand(typeof input === 'object' && input !== null && !Array.isArray(input), `${path}.input: should be a valid dictionary`);
  }
  if (block.type === 'tool_result') {
    const parts = blocksOf((block['content'] ?? []) as string | Block[]);
    for (const [index, part] of parts.entries()) {
      demand(
        ['text', 'image', 'document'].includes(part.type),
        `${path}.content.${index}: Input tag '${part.type}' not expected`,
      );
      checkBlock(part, 'user', `${path}.content.${index}`);
      demand(!('cache_control' in part), `${path}.content.${index}.cache_control: cache the tool_result instead`);
    }
  }
  if (block.type === 'thinking') {
    const { thinking, signature } = block;
    demand(typeof thinking === 'string', `${path}.thinking.thinking: Field required`);
    demand(signature === signatureOf(thinking), `${path}: Invalid \`signature\` in \`thinking\` block`);
    demand(Object.keys(block).length === 3, `${path}: thinking blocks cannot be modified`);
  }
  if (block.type === 'redacted_thinking') {
    const [hidden = '', digest] = String(block['data']).split('.');
    demand(digest === redactedDigest(hidden), `${path}: Invalid \`data\` in \`redacted_thinking\` block`);
  }
}

function checkSource(block: Block, path: string) {
  const source = (block['source'] ?? {}) as Record<string, unknown>;
  if (source['type'] === 'url') return demand(/^https?:\/\//.test(String(source['url'])), `${path}.source.url: invalid`);
  const isTextDocument = block.type === 'document' && source['type'] === 'text' && source['media_type'] === 'text/plain';
  if (isTextDocument) return demand(typeof source['data'] === 'string', `${path}.source.data: Field required`);
  const mediaTypes = block.type === 'image' ? MEDIA_TYPES : ['application/pdf'];
  demand(mediaTypes.includes(String(source['media_type'])), `${path}.source.base64.media_type: Input should be ${mediaTypes}`);
  demand(/^[\w+/]+=*$/.test(String(source['data'])), `${path}.source.base64: invalid base64 data`);
}

/** With a budget, the last turn of a tool loop has to begin with what was thought ahead of its calls. */
function checkGivenBack(messages: MessagesRequest['messages'], thinking: MessagesRequest['thinking']): void {
  const [assistant, user] = messages.slice(-2);
  const loops = user !== undefined && blocksOf(user.content).some(({ type }) => type === 'tool_result');
  if (thinking?.type !== 'enabled' || !loops || assistant === undefined) return;
  const first = blocksOf(assistant.content)[0]?.type ?? '';
  demand(
    /thinking$/.test(first),
    `messages.${messages.length - 2}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`.`,
  );
}
