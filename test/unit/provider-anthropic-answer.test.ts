import { describe, expect, test } from '@jest/globals';
import { anthropicWire } from '../../src/providers/anthropic/anthropic-wire.js';
import type { ChatCall, ChatObject, ReportedUsage } from '../../src/providers/provider.js';
import type { StreamOutlet } from '../../src/providers/wire-format.js';

const format = 'anthropic-claude-v1';

const call = (asked: object = {}): ChatCall => ({
  upstreamModel: 'claude-sonnet-4',
  request: { messages: [{ role: 'user', content: 'Hi' }], ...asked },
  supportedParameters: ['response_format', 'tools'],
  outputTokensMax: 100,
  reasoning: undefined,
});
const JSON_CALL = call({ response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } } });

const USAGE = { input_tokens: 10, output_tokens: 5 };
const message = (content: object[], stop_reason: string | null = 'end_turn') => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-4', content, stop_reason, usage: USAGE },
});
const completed = (content: object[], stop_reason?: string | null, of = call()) => {
  const answer = anthropicWire.completion(message(content, stop_reason), of);
  const choices = answer?.completion['choices'] as ChatObject[] | undefined;
  return { ...answer, choice: choices?.[0] ?? {} };
};

describe('an answer at once', () => {
  test('is a chat completion', () => {
    expect(
      anthropicWire.completion(
        message([
          { type: 'text', text: 'Hel' },
          { type: 'text', text: 'lo' },
        ]),
        call(),
      ),
    ).toEqual({
      completion: {
        id: 'msg_1',
        object: 'chat.completion',
        model: 'claude-sonnet-4',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hello', refusal: null },
            logprobs: null,
            finish_reason: 'stop',
            native_finish_reason: 'end_turn',
          },
        ],
      },
      usage: { usage: { input_uncached: 10, output_visible: 5 }, anomalies: [] },
      upstreamId: 'msg_1',
    });
  });

  test('thinking, redacted thinking and calls keep their order and their signatures', () => {
    const { choice } = completed(
      [
        { type: 'thinking', thinking: 'a', signature: 's' },
        { type: 'redacted_thinking', data: 'd' },
        { type: 'thinking', thinking: '', signature: 't' },
        { type: 'server_tool_use', id: 'x', name: 'web_search', input: {} },
        { type: 'tool_use', id: 'toolu_1', name: 'f', input: { x: [1] } },
        { type: 'tool_use', id: 'toolu_2', name: 'g', input: {} },
        null as never,
      ],
      'tool_use',
    );
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', native_finish_reason: 'tool_use' });
    expect(choice['message']).toEqual({
      role: 'assistant',
      content: null,
      refusal: null,
      reasoning: 'a',
      reasoning_details: [
        { type: 'reasoning.text', text: 'a', signature: 's', format, index: 0 },
        { type: 'reasoning.encrypted', data: 'd', format, index: 1 },
        { type: 'reasoning.text', text: '', signature: 't', format, index: 2 },
      ],
      tool_calls: [
        { id: 'toolu_1', type: 'function', function: { name: 'f', arguments: '{"x":[1]}' } },
        { id: 'toolu_2', type: 'function', function: { name: 'g', arguments: '{}' } },
      ],
    });
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
    ['pause_turn', 'stop'],
    ['model_context_window_exceeded', 'length'],
    ['something_new', 'stop'],
  ])('stop_reason %s is %s', (native, finish_reason) => {
    expect(completed([], native).choice).toMatchObject({ finish_reason, native_finish_reason: native });
  });

  test('an empty text still has output that is billed', () => {
    const { usage, choice } = completed([]);
    expect(choice['message']).toMatchObject({ content: '' });
    expect(usage?.usage).toEqual({ input_uncached: 10, output_visible: 5 });
  });

  test('the input of the answering tool is the content', () => {
    const block = { type: 'tool_use', id: 'toolu_1', name: 'json', input: { a: 1 } };
    const { choice } = completed([block], 'tool_use', JSON_CALL);
    expect(choice).toMatchObject({ finish_reason: 'stop', native_finish_reason: 'tool_use' });
    expect(choice['message']).toEqual({ role: 'assistant', content: '{"a":1}', refusal: null });
    expect(completed([block], 'tool_use').choice['message']).toMatchObject({ content: null, tool_calls: [{ id: 'toolu_1' }] });
  });

  test('anything else is no answer', () => {
    expect(anthropicWire.completion({ type: 'pong' }, call())).toBeUndefined();
  });
});

/** Everything that a stream's events became, in order. */
function told(events: (object | string)[], of = call()) {
  const out: unknown[] = [];
  let open = true;
  const outlet: StreamOutlet = {
    get isOpen() {
      return open;
    },
    chunk: ({ choices, id }) => out.push({ id, ...(choices as object[])[0] }),
    text: (index, content) => out.push([index, JSON.parse(content)]),
    usage: ({ usage, anomalies }: ReportedUsage) => out.push({ usage, anomalies }),
    finish: () => {
      open = false;
      out.push('finish');
    },
    failed: (answer) => out.push({ failed: answer['error'] }),
    brokenBy: (what) => out.push({ brokenBy: what }),
  };
  const reader = anthropicWire.reader(outlet, of);
  for (const event of events) reader.event(Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)), '');
  expect(reader.bodyEnded()).toBe(false);
  return out;
}

const start = { type: 'message_start', message: { id: 'msg_1', model: 'm', usage: { input_tokens: 10, output_tokens: 1 } } };
const block = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block });
const delta = (index: number, said: object) => ({ type: 'content_block_delta', index, delta: said });
const stop = (index: number) => ({ type: 'content_block_stop', index });
const end = (stop_reason: string | null, usage: object | null = { output_tokens: 5 }) => [
  { type: 'message_delta', delta: { stop_reason }, usage },
  { type: 'message_stop' },
];
const chunk = (said: object) => ({ id: 'msg_1', index: 0, delta: said, logprobs: null, finish_reason: null });
const BEGUN = [{ usage: { input_uncached: 10 }, anomalies: [] }, chunk({ role: 'assistant', content: '' })];

describe('an answer in events', () => {
  test('text: start, deltas, usage set and not added, finish', () => {
    expect(
      told([
        start,
        block(0, { type: 'text', text: '' }),
        { type: 'ping' },
        delta(0, { type: 'text_delta', text: 'Zü\n' }),
        delta(0, { text: 'rich', type: 'text_delta' }),
        stop(0),
        ...end('max_tokens', { input_tokens: null, output_tokens: 5 }),
      ]),
    ).toEqual([
      ...BEGUN,
      [0, 'Zü\n'],
      [0, 'rich'],
      { usage: { input_uncached: 10, output_visible: 5 }, anomalies: [] },
      { ...chunk({}), finish_reason: 'length', native_finish_reason: 'max_tokens' },
      'finish',
    ]);
  });

  test('thinking: texts, then the signature just before its block stops; then calls, counted from 0', () => {
    const detail = (said: object, index: number) => ({ type: 'reasoning.text', ...said, format, index });
    expect(
      told([
        start,
        block(0, { type: 'thinking', thinking: '', signature: '' }),
        delta(0, { type: 'thinking_delta', thinking: 'hm' }),
        delta(0, { type: 'signature_delta', signature: 'sig' }),
        stop(0),
        block(1, { type: 'redacted_thinking', data: 'd' }),
        stop(1),
        block(2, { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }),
        delta(2, { type: 'input_json_delta', partial_json: '' }),
        delta(2, { type: 'input_json_delta', partial_json: '{"x":' }),
        delta(2, { type: 'input_json_delta', partial_json: '1}' }),
        stop(2),
        block(3, { type: 'tool_use', id: 'toolu_2', name: 'g', input: {} }),
        delta(3, { type: 'input_json_delta', partial_json: '' }),
        stop(3),
        ...end('tool_use'),
      ]).slice(2, -3),
    ).toEqual([
      chunk({ reasoning: 'hm', reasoning_details: [detail({ text: 'hm' }, 0)] }),
      chunk({ reasoning_details: [detail({ signature: 'sig' }, 0)] }),
      chunk({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'd', format, index: 1 }] }),
      chunk({ tool_calls: [{ index: 0, id: 'toolu_1', type: 'function', function: { name: 'f', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
      chunk({ tool_calls: [{ index: 1, id: 'toolu_2', type: 'function', function: { name: 'g', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 1, function: { arguments: '{}' } }] }),
    ]);
  });

  test('hidden thinking has no text and a signature all the same', () => {
    const events = [start, block(0, { type: 'thinking', thinking: '', signature: '' })];
    expect(told([...events, delta(0, { type: 'signature_delta', signature: 'sig' }), stop(0)]).slice(2)).toEqual([
      chunk({ reasoning_details: [{ type: 'reasoning.text', signature: 'sig', format, index: 0 }] }),
    ]);
  });

  test('what a block begins with is not lost', () => {
    const events = [
      block(0, { type: 'text', text: 'a' }),
      block(1, { type: 'thinking', thinking: 'b' }),
      block(2, { type: 'tool_use', id: 't', name: 'f', input: { x: 1 } }),
      stop(2),
    ];
    const out = told([start, ...events]).slice(2);
    expect(out[0]).toEqual([0, 'a']);
    expect(out[1]).toMatchObject({ delta: { reasoning: 'b' } });
    expect(out.at(-1)).toMatchObject({ delta: { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] } });
  });

  test('the input of the answering tool is text', () => {
    const events = [
      block(0, { type: 'tool_use', id: 't', name: 'json', input: {} }),
      delta(0, { type: 'input_json_delta', partial_json: '{"a":' }),
      delta(0, { type: 'input_json_delta', partial_json: '"\\n"}' }),
      stop(0),
    ];
    const out = told([start, ...events, ...end('tool_use')], JSON_CALL);
    expect(out.filter(Array.isArray)).toEqual([
      [0, '{"a":'],
      [0, '"\\n"}'],
    ]);
    expect(out.at(-2)).toMatchObject({ finish_reason: 'stop', native_finish_reason: 'tool_use' });
  });

  test('text of many megabytes, which would exhaust the stack of an expression', () => {
    const text = '\n'.repeat(6 * 1024 * 1024);
    const [, , said] = told([start, delta(0, { type: 'text_delta', text })]) as [unknown, unknown, [number, string]];
    expect(said[1] === text).toBe(true);
  });

  test('new events, blocks and deltas are passed over', () => {
    const events = [
      { type: 'weather' },
      block(0, { type: 'hologram' }),
      delta(0, { type: 'hologram_delta' }),
      delta(9, { type: 'input_json_delta', partial_json: '{' }),
      delta(9, { type: 'citations_delta', citation: {} }),
      stop(0),
      { type: 'content_block_start' },
    ];
    expect(told([start, ...events])).toEqual(BEGUN);
  });

  test('an error event ends it', () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    expect(told([start, { type: 'error', error }]).at(-1)).toEqual({ failed: error });
  });

  test.each(['[DONE]', '{"type":', '[]', '{"choices":[]}', '"x"'])('%s is no event', (data) => {
    expect(told([data])).toEqual([{ brokenBy: 'sent an event that is none of a message' }]);
  });

  test('an end that tells no usage leaves the output to be estimated', () => {
    expect(told([start, ...end('end_turn', null)]).slice(2)).toEqual([
      { usage: { input_uncached: 10 }, anomalies: ['output_tokens:missing'] },
      { ...chunk({}), finish_reason: 'stop', native_finish_reason: 'end_turn' },
      'finish',
    ]);
  });
});
