import type { ChatMessage } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { cacheControl } from './cache-control.js';
import { type Block, blocksOf, textBlocksOf } from './content.js';
import { thinkingBlocks } from './thinking-blocks.js';

export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: Block[];
}

export interface Conversation {
  /** Texts of all system and developer messages. */
  readonly system: readonly Block[];
  /** Users and the assistant in turn; a user opens. */
  readonly turns: readonly Turn[];
}

/** Stands for a user who says nothing, which cannot be left out where turns alternate. */
const NOTHING_SAID: Block = { type: 'text', text: '.' };

/**
 * The messages of a request as Anthropic has them. Messages of one side that follow each other are one turn; in a user's turn the
 * results of tools come first, as Anthropic demands. Throws CannotSay.
 */
export function conversation(messages: readonly ChatMessage[]): Conversation {
  const system: Block[] = [];
  const turns: Turn[] = [];
  const say = (role: Turn['role'], content: readonly Block[]) => {
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else if (role === 'user' || content.length > 0) turns.push({ role, content: [...content] });
  };
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    if (message.role === 'system' || message.role === 'developer') system.push(...systemBlocks(message, path));
    else if (message.role === 'user') say('user', cached(message, blocksOf(message.content, `${path}.content`)));
    else if (message.role === 'assistant') say('assistant', cached(message, assistantBlocks(message, path)));
    else if (message.role === 'tool') say('user', [toolResult(message, path)]);
    else throw new CannotSay('Messages of the role `function` are not supported: use `tool`.', `${path}.role`);
  }
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: [] });
  for (const turn of turns) if (turn.role === 'user') order(turn);
  trimEnd(turns.at(-1));
  return { system, turns };
}

/** Whether the assistant is in the middle of using tools, and what it thought before was not given back. */
export function lacksThinking(turns: readonly Turn[]): boolean {
  const [assistant, user] = turns.slice(-2);
  if (user?.role !== 'user' || !user.content.some(({ type }) => type === 'tool_result')) return false;
  return !/^(redacted_)?thinking$/.test(assistant?.content[0]?.type ?? '');
}

const systemBlocks = (message: ChatMessage, path: string): readonly Block[] =>
  cached(message, textBlocksOf(message.content, `${path}.content`, 'A system message'));

/** Thinking first, then words, then calls: the order in which they were generated. */
function assistantBlocks(message: ChatMessage, path: string): Block[] {
  if (message['function_call'] != null) {
    throw new CannotSay('`function_call` is not supported: use `tool_calls`.', `${path}.function_call`);
  }
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] : [];
  return [
    ...thinkingBlocks(message['reasoning_details']),
    ...textBlocksOf(message.content, `${path}.content`, 'An assistant message'),
    ...calls.map((call, index) => toolUse(call, `${path}.tool_calls[${index}]`)),
  ];
}

function toolUse(call: unknown, path: string): Block {
  const { id, function: called } = (call ?? {}) as { id?: unknown; function?: { name?: unknown; arguments?: unknown } };
  if (typeof id !== 'string' || typeof called?.name !== 'string') {
    throw new CannotSay('A tool call needs an id and the name of a function.', path);
  }
  return {
    type: 'tool_use',
    id: toolUseId(id),
    name: called.name,
    input: inputOf(called.arguments, `${path}.function.arguments`),
  };
}

/** Arguments are JSON in a string; no arguments at all may be an empty one. */
function inputOf(json: unknown, path: string): object {
  if (json === undefined || json === null || json === '') return {};
  let input: unknown;
  try {
    input = typeof json === 'string' ? JSON.parse(json) : json;
  } catch {
    throw new CannotSay('The arguments of a tool call must be valid JSON.', path);
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  throw new CannotSay('The arguments of a tool call must be a JSON object.', path);
}

/** Only a whole result can be cached, not its parts: a breakpoint in them is the result's. */
function toolResult(message: ChatMessage, path: string): Block {
  const id = message['tool_call_id'];
  if (typeof id !== 'string') throw new CannotSay('A tool message needs a `tool_call_id`.', `${path}.tool_call_id`);
  const parts = blocksOf(message.content, `${path}.content`);
  const breakpoint = message['cache_control'] ?? parts.findLast((part) => part['cache_control'])?.['cache_control'];
  const content = parts.map(({ cache_control: _, ...part }) => part);
  return {
    type: 'tool_result',
    tool_use_id: toolUseId(id),
    ...(content.length > 0 && { content }),
    ...cacheControl(breakpoint),
  };
}

/** Other models' ids may hold characters that Anthropic refuses; a call and its result lose them alike. */
const toolUseId = (id: string): string => id.replace(/[^\w-]/g, '_');

/** A breakpoint on a message is one on its last block. Thinking takes none. */
function cached(message: ChatMessage, blocks: readonly Block[]): readonly Block[] {
  const control = cacheControl(message['cache_control']);
  const last = blocks.at(-1);
  if (!control || !last || /thinking/.test(last.type)) return blocks;
  return [...blocks.slice(0, -1), { ...last, ...control }];
}

function order({ content }: Turn): void {
  const results = content.filter(({ type }) => type === 'tool_result');
  const others = content.filter(({ type }) => type !== 'tool_result');
  content.splice(0, content.length, ...results, ...others);
  if (content.length === 0) content.push(NOTHING_SAID);
}

/** An answer to be continued may not end in white space. */
function trimEnd(turn: Turn | undefined): void {
  const last = turn?.content.at(-1);
  if (turn?.role !== 'assistant' || last?.type !== 'text') return;
  turn.content[turn.content.length - 1] = { ...last, text: (last['text'] as string).trimEnd() };
}
