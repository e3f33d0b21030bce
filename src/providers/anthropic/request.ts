import { createHash } from 'node:crypto';
import type { ChatCall } from '../provider.js';
import { ANSWER_TOOL, type AnswerFormat, answerFormat } from './answer-format.js';
import { cacheControl } from './cache-control.js';
import type { Block } from './content.js';
import { conversation, lacksThinking } from './messages.js';
import { type Thinking, thinkingOf } from './thinking.js';
import { toolChoiceOf, toolsOf } from './tools.js';

type Members = Readonly<Record<string, unknown>>;

/** Sent where the model's `supported_parameters` name them. */
const BY_MODEL = [
  ...['temperature', 'top_p', 'top_k', 'stop', 'tools', 'tool_choice', 'parallel_tool_calls'],
  ...['response_format', 'structured_outputs'],
];
/** Always understood. */
const ALWAYS = [
  ...['max_tokens', 'max_completion_tokens', 'reasoning', 'reasoning_effort', 'include_reasoning', 'thinking'],
  ...['user', 'cache_control'],
];

export const WORDS: ReadonlySet<string> = new Set([...BY_MODEL, ...ALWAYS]);

/** The body of a request. By allow-list: Anthropic refuses what it does not know. Throws CannotSay. */
export function requestBody(call: ChatCall, streamed: boolean): Members {
  const { outputTokensMax, upstreamModel } = call;
  if (outputTokensMax === undefined) throw new Error('A call to Anthropic went out without a limit on its output.');
  const request = supported(call);
  const { system, turns } = conversation(call.request.messages);
  const format = answerFormat(call);
  const planned = thinkingOf(call.reasoning, outputTokensMax);
  // With a budget, Anthropic refuses to go on with tools where the thinking before them is gone: better unthinking than not at all.
  const impossible = planned?.thinking.type === 'enabled' && lacksThinking(turns);
  const thinking = impossible ? undefined : planned;
  const thinks = thinking !== undefined && thinking.thinking.type !== 'disabled';
  return {
    model: upstreamModel,
    max_tokens: outputTokensMax,
    // The dearer tier is for accounts that have bought it, and these would use it unless told otherwise.
    service_tier: 'standard_only',
    stream: streamed,
    ...systemOf(system, format),
    messages: turns,
    ...sampling(request, thinks),
    ...stopping(request['stop']),
    ...tools(request, format, thinks),
    ...outputConfig(thinking, format),
    ...(thinking && { thinking: thinking.thinking }),
    ...(typeof request['user'] === 'string' && { metadata: { user_id: opaque(request['user']) } }),
    ...cacheControl(request['cache_control']),
  };
}

/** What the caller asked and the model takes. */
function supported({ request, supportedParameters }: ChatCall): ChatCall['request'] {
  const { messages, ...parameters } = request;
  const left = Object.entries(parameters).filter(([name]) => !BY_MODEL.includes(name) || supportedParameters.includes(name));
  return { ...Object.fromEntries(left), messages };
}

/** Anthropic asks for an id that tells nothing about the person, and refuses what looks like an e-mail address. */
const opaque = (user: string): string => createHash('sha256').update(user).digest('hex');

/** One text, or blocks where some of them end a cached prefix. */
function systemOf(blocks: readonly Block[], format: AnswerFormat | undefined): Members {
  const all = format?.by === 'words' ? [...blocks, { type: 'text', text: format.words } as Block] : blocks;
  if (all.length === 0) return {};
  if (all.some((block) => 'cache_control' in block)) return { system: all };
  return { system: all.map(({ text }) => text).join('\n\n') };
}

/**
 * Temperature goes to 1 here and not to 2. Later models refuse temperature and top_p together: the one that differs from its default
 * is sent, temperature before top_p. A thinking model takes neither temperature nor top_k, and hardly any top_p.
 */
function sampling({ temperature, top_p, top_k }: Members, thinks: boolean): Members {
  const heat = typeof temperature === 'number' && !thinks ? Math.max(0, Math.min(temperature, 1)) : undefined;
  const mass = typeof top_p === 'number' && (!thinks || (top_p >= 0.95 && top_p <= 1)) ? top_p : undefined;
  const massAlone = mass !== undefined && (heat === undefined || (heat === 1 && mass !== 1));
  return {
    ...(massAlone ? { top_p: mass } : heat !== undefined && { temperature: heat }),
    ...(typeof top_k === 'number' && !thinks && { top_k }),
  };
}

/** Anthropic refuses sequences of nothing but white space. */
function stopping(stop: unknown): Members {
  const all = (Array.isArray(stop) ? stop : [stop]).filter((word): word is string => typeof word === 'string');
  const sequences = all.filter((word) => word.trim() !== '');
  return sequences.length === 0 ? {} : { stop_sequences: sequences };
}

function tools(request: ChatCall['request'], format: AnswerFormat | undefined, thinks: boolean): Members {
  if (format?.by === 'tool') {
    return { tools: [format.tool], tool_choice: { type: 'tool', name: ANSWER_TOOL, disable_parallel_tool_use: true } };
  }
  const tools = toolsOf(request['tools']);
  if (tools.length === 0) return {};
  const choice = toolChoiceOf(request, !thinks);
  return { tools, ...(choice && { tool_choice: choice }) };
}

function outputConfig(thinking: Thinking | undefined, format: AnswerFormat | undefined): Members {
  const config = {
    ...(thinking?.effort !== undefined && { effort: thinking.effort }),
    ...(format?.by === 'schema' && { format: { type: 'json_schema', schema: format.schema } }),
  };
  return Object.keys(config).length === 0 ? {} : { output_config: config };
}
