/** Answers in the canonical form, whole and in any chunks, and strict readers of what a dialect makes of them. */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import type { AnswerDialect, Generation, UsageBlock } from '../../src/completions/index.js';
import type { ChatObject } from '../../src/providers/index.js';

export const GENERATION_ID = 'gen-0123456789abcdef0123456789abcdef';
export const CREATED_MS = 1_770_000_000_123;

/** A generation as far as a dialect looks at one. */
export const generationOf = (request: ChatObject = {}): Generation =>
  ({
    id: GENERATION_ID,
    at: CREATED_MS,
    model: { id: 'maker/model' },
    provider: { name: 'Provider' },
    request: { model: 'maker/model', messages: [{ role: 'user', content: 'Hi' }], ...request },
  }) as unknown as Generation;

export const USAGE: UsageBlock = {
  prompt_tokens: 1_003,
  completion_tokens: 77,
  total_tokens: 1_080,
  cost: 0.0123,
  is_byok: false,
  prompt_tokens_details: { cached_tokens: 401, cache_write_tokens: 102, audio_tokens: 0, video_tokens: 0 },
  cost_details: {
    upstream_inference_cost: null,
    upstream_inference_prompt_cost: 0.01,
    upstream_inference_completions_cost: 0.0023,
  },
  completion_tokens_details: { reasoning_tokens: 13, image_tokens: 0, audio_tokens: 0 },
};

/** One call of a stream's frames: a chunk that is parsed, or text that is not. */
export type Step = { readonly chunk: ChatObject } | { readonly text: string };

export const delta = (said: ChatObject, finish: string | null = null): Step => ({
  chunk: { choices: [{ index: 0, delta: said, finish_reason: finish }] },
});

export const wholeBody = (dialect: AnswerDialect, message: ChatObject, finish = 'stop', request: ChatObject = {}): ChatObject =>
  dialect.body(
    generationOf(request),
    { choices: [{ index: 0, message: structuredClone(message), finish_reason: finish }] },
    USAGE,
  ) as ChatObject;

export function streamOf(dialect: AnswerDialect, steps: readonly Step[], request: ChatObject = {}): string {
  const frames = dialect.frames(generationOf(request));
  const told = steps.map((step) =>
    'text' in step ? frames.text(0, JSON.stringify(step.text)) : frames.chunk(structuredClone(step.chunk)),
  );
  return told.join('') + frames.end(USAGE);
}

export interface NamedEvent {
  readonly event: string | undefined;
  readonly data: ChatObject;
}

/** The events of a stream; every frame is whole, and a named event says its name again as its type. */
export function eventsOf(stream: string): NamedEvent[] {
  expect(stream.endsWith('\n\n')).toBe(true);
  return stream
    .slice(0, -2)
    .split('\n\n')
    .map((frame) => {
      const match = /^(?:event: ([\w.]+)\n)?data: (.*)$/.exec(frame);
      if (!match) throw new Error(`not a frame: ${frame}`);
      const data = match[2] === '[DONE]' ? { done: true } : (JSON.parse(match[2] as string) as ChatObject);
      if (match[1] !== undefined) expect(data['type']).toBe(match[1]);
      return { event: match[1], data };
    });
}

/** Reads Anthropic's events as its documentation has them, and throws where the order is broken. @returns the message */
export function readMessage(events: readonly NamedEvent[]): ChatObject {
  const [first, ...rest] = events.map(({ data }) => data);
  if (first?.['type'] !== 'message_start') throw new Error('no message_start');
  const message = first['message'] as ChatObject & { content: ChatObject[]; usage: ChatObject };
  expect(message.content).toEqual([]);
  let open: { block: ChatObject; json: string } | undefined;
  let state: 'content' | 'delta' | 'stop' = 'content';
  for (const data of rest) {
    switch (data['type']) {
      case 'ping':
        break;
      case 'content_block_start':
        expect([state, open, data['index']]).toEqual(['content', undefined, message.content.length]);
        open = { block: data['content_block'] as ChatObject, json: '' };
        break;
      case 'content_block_delta':
        if (!open) throw new Error('a delta of no block');
        expect(data['index']).toBe(message.content.length);
        addDelta(open, data['delta'] as ChatObject);
        break;
      case 'content_block_stop':
        if (!open) throw new Error('a stop of no block');
        expect(data['index']).toBe(message.content.length);
        if (open.block['type'] === 'tool_use') open.block['input'] = inputOf(open.json);
        message.content.push(open.block);
        open = undefined;
        break;
      case 'message_delta':
        expect([state, open]).toEqual(['content', undefined]);
        state = 'delta';
        Object.assign(message, data['delta'], { usage: { ...message.usage, ...(data['usage'] as ChatObject) } });
        break;
      case 'message_stop':
        expect(state).toBe('delta');
        state = 'stop';
        break;
      default:
        throw new Error(`unknown event ${String(data['type'])}`);
    }
  }
  expect(state).toBe('stop');
  return message;
}

function addDelta(open: { block: ChatObject; json: string }, said: ChatObject): void {
  const { block } = open;
  const add = (name: string) => {
    block[name] = (block[name] as string) + (said[name] as string);
  };
  const kinds = { text: ['text_delta'], thinking: ['thinking_delta', 'signature_delta'], tool_use: ['input_json_delta'] };
  expect((kinds as ChatObject)[block['type'] as string]).toContain(said['type']);
  if (said['type'] === 'text_delta') add('text');
  else if (said['type'] === 'thinking_delta') {
    expect(block['signature']).toBe('');
    add('thinking');
  } else if (said['type'] === 'signature_delta') add('signature');
  else open.json += said['partial_json'] as string;
}

function inputOf(json: string): unknown {
  if (json === '') return {};
  try {
    const input: unknown = JSON.parse(json);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  } catch {
    // No JSON: below.
  }
  return { INVALID_JSON: json };
}

/** Reads the events of Responses with OpenAI's own accumulator, and throws where the order is broken. @returns both responses */
export function readResponse(events: readonly NamedEvent[]): { accumulated: ChatObject; last: ChatObject } {
  const data = events.map((event) => event.data);
  expect(data.map(({ sequence_number }) => sequence_number)).toEqual(data.map((_, index) => index));
  expect(data.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.in_progress']);
  let response: unknown;
  let open: unknown;
  let partOpen = false;
  let items = 0;
  for (const event of data.slice(0, -1)) {
    response = accumulateResponse(event as never, response as never);
    if (event['type'] === 'response.output_item.added') {
      expect([open, event['output_index']]).toEqual([undefined, items]);
      open = (event['item'] as ChatObject)['id'];
    } else if (event['type'] === 'response.output_item.done') {
      expect([(event['item'] as ChatObject)['id'], event['output_index'], partOpen]).toEqual([open, items, false]);
      open = undefined;
      items += 1;
    } else if (event['output_index'] !== undefined) {
      expect([event['item_id'], event['output_index']]).toEqual([open, items]);
      const type = String(event['type']);
      // Arguments are of the item; everything else is of a part of it, which is added and done once.
      if (!type.includes('function_call')) expect(partOpen).toBe(!type.endsWith('part.added'));
      if (/part\.(added|done)$/.test(type)) partOpen = type.endsWith('added');
    }
  }
  expect(open).toBeUndefined();
  expect(data.at(-1)?.['type']).toMatch(/^response\.(completed|incomplete|failed)$/);
  return { accumulated: response as ChatObject, last: data.at(-1)?.['response'] as ChatObject };
}

const words = fc.string({ unit: 'binary', maxLength: 20 });
const someWords = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
const argumentsText = fc.oneof(
  fc.dictionary(words, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }).map((value) => JSON.stringify(value)),
  fc.constantFrom('', '{"cut', '[]', '"text"'),
);

const detail = fc.oneof(
  fc.record({ type: fc.constant('reasoning.text'), text: someWords, format: fc.constantFrom('anthropic-claude-v1', 'other-v1') }),
  fc.record({
    type: fc.constant('reasoning.text'),
    text: words,
    signature: someWords,
    format: fc.constant('anthropic-claude-v1'),
  }),
  fc.record({ type: fc.constant('reasoning.summary'), summary: someWords }),
  fc.record({
    type: fc.constant('reasoning.encrypted'),
    data: someWords,
    format: fc.constantFrom('anthropic-claude-v1', 'x-v1'),
  }),
);

const toolCall = fc.record({ id: fc.uuid(), name: someWords, text: argumentsText });

/** A whole message with everything that an answer can have. */
export const wholeMessages: fc.Arbitrary<ChatObject> = fc
  .record({
    reasoning: fc.option(words, { nil: undefined }),
    details: fc.array(detail, { maxLength: 4 }),
    content: fc.option(words, { nil: null }),
    refusal: fc.option(words, { nil: null }),
    calls: fc.uniqueArray(toolCall, { maxLength: 4, selector: ({ id }) => id }),
  })
  .map(({ reasoning, details, content, refusal, calls }) => ({
    role: 'assistant',
    content,
    refusal,
    ...(details.length === 0 && { reasoning }),
    ...(details.length > 0 && { reasoning_details: details.map((each, index) => ({ ...each, index })) }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, text }) => ({ id, type: 'function', function: { name, arguments: text } })),
    }),
  }));

/** Reasons to finish that leave an answer as it is. */
export const finishes = fc.constantFrom('stop', 'tool_calls', 'length', 'content_filter');

/** A way to cut texts and to mix tool calls: numbers that are used up one by one. */
export const cuts = fc.infiniteStream(fc.nat(6));

/** A message as the chunks of a stream: cut anywhere, also within a character; its tool calls in turns of each other. */
export function chunksOf(message: ChatObject, cut: Iterator<number>, finish = 'stop'): Step[] {
  const next = () => cut.next().value as number;
  const pieces = (text: string): string[] => {
    const cutText: string[] = [];
    let rest = text;
    while (rest !== '') {
      const length = 1 + next();
      cutText.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
    return cutText;
  };
  const { reasoning, reasoning_details, content, refusal, tool_calls } = message as {
    reasoning?: string;
    reasoning_details?: ChatObject[];
    content: string | null;
    refusal: string | null;
    tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[];
  };
  const steps: Step[] = [delta({ role: 'assistant', content: '' })];
  for (const piece of pieces(reasoning ?? '')) steps.push(delta({ reasoning: piece }));
  for (const { signature, ...each } of reasoning_details ?? []) {
    const name = each['type'] === 'reasoning.summary' ? 'summary' : 'text';
    if (each['type'] === 'reasoning.encrypted') steps.push(delta({ reasoning_details: [each] }));
    else
      for (const piece of pieces(each[name] as string))
        steps.push(delta({ reasoning: piece, reasoning_details: [{ ...each, [name]: piece }] }));
    const { type, format, index } = each;
    if (signature !== undefined) steps.push(delta({ reasoning_details: [{ type, format, index, signature }] }));
  }
  for (const text of pieces(content ?? '')) steps.push(next() > 2 ? { text } : delta({ content: text }));
  for (const piece of pieces(refusal ?? '')) steps.push(delta({ content: null, refusal: piece }));
  return [...steps, ...callsInTurns(tool_calls ?? [], pieces, next), delta({}, finish)];
}

function callsInTurns(
  calls: readonly { id: string; type: string; function: { name: string; arguments: string } }[],
  pieces: (text: string) => string[],
  next: () => number,
): Step[] {
  const queues = calls.map(({ id, type, function: { name, arguments: text } }, index) => [
    { index, id, type, function: { name, arguments: '' } },
    ...pieces(text).map((piece) => ({ index, function: { arguments: piece } })),
  ]);
  const steps: Step[] = [];
  let begun = 0;
  while (queues.some((queue) => queue.length > 0)) {
    const open = queues.slice(0, begun).filter((queue) => queue.length > 0);
    const chosen = begun < queues.length && (open.length === 0 || next() > 3) ? queues[begun++] : open[next() % open.length];
    const call = chosen?.shift();
    if (call) steps.push(delta({ tool_calls: [call] }));
  }
  return steps;
}
