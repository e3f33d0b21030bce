import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../src/http/api-error.js';
import { parse } from '../../src/http/validation.js';
import { canonicalRequest } from '../../src/messages/canonical-request.js';
import { messagesDialect } from '../../src/messages/messages-dialect.js';
import { messagesRequest } from '../../src/messages/messages-request.js';
import type { ChatObject } from '../../src/providers/index.js';
import { delta, eventsOf, generationOf, readMessage, streamOf, USAGE, wholeBody } from '../support/answer-dialects.js';

const body = (message: ChatObject, finish = 'stop', request: ChatObject = {}) =>
  wholeBody(messagesDialect, { role: 'assistant', content: null, ...message }, finish, request);
const blocks = (message: ChatObject) => body(message)['content'] as ChatObject[];
const toolCall = (text: string, index = 0) => ({
  index,
  id: `t${index}`,
  type: 'function',
  function: { name: 'f', arguments: text },
});

describe('a message', () => {
  test('is told as Anthropic tells it, with what was charged', () => {
    expect(body({ content: 'Hi', tool_calls: [toolCall('{"a":1}')] }, 'tool_calls')).toEqual({
      id: 'gen-0123456789abcdef0123456789abcdef',
      type: 'message',
      role: 'assistant',
      model: 'maker/model',
      content: [
        { type: 'text', text: 'Hi', citations: null },
        { type: 'tool_use', id: 't0', name: 'f', input: { a: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 500,
        cache_creation_input_tokens: 102,
        cache_read_input_tokens: 401,
        output_tokens: 77,
        output_tokens_details: { thinking_tokens: 13 },
        cost: 0.0123,
      },
    });
  });

  test.each([
    ['stop', undefined, undefined, 'end_turn', null],
    ['length', undefined, undefined, 'max_tokens', null],
    ['length', 'model_context_window_exceeded', undefined, 'model_context_window_exceeded', null],
    ['tool_calls', 'tool_use', undefined, 'tool_use', null],
    ['content_filter', 'SAFETY', undefined, 'refusal', null],
    ['stop', 'stop_sequence', ['END'], 'stop_sequence', 'END'],
    ['stop', 'stop_sequence', 'END', 'stop_sequence', 'END'],
    ['stop', 'stop_sequence', ['A', 'B'], 'stop_sequence', null],
    ['stop', 'pause_turn', undefined, 'pause_turn', null],
    ['error', undefined, undefined, null, null],
  ])('that ends with %s (%s) and the stops %j says %s', (finish_reason, native_finish_reason, stop, reason, sequence) => {
    const completion = { choices: [{ index: 0, message: { content: 'Hi' }, finish_reason, native_finish_reason }] };
    const told = messagesDialect.body(generationOf({ stop }), completion, USAGE);
    expect(told).toMatchObject({ stop_reason: reason, stop_sequence: sequence });
  });

  test('that refuses says so', () => {
    expect(body({ refusal: 'No.' })).toMatchObject({ stop_reason: 'refusal', content: [{ type: 'text', text: 'No.' }] });
    expect(readMessage(eventsOf(streamOf(messagesDialect, [delta({ refusal: 'No.' }, 'stop')])))).toMatchObject({
      stop_reason: 'refusal',
    });
  });

  test.each(['{"a":', '[1]', 'null', '"x"'])('never gives a tool empty arguments for %s', (text) => {
    expect(blocks({ tool_calls: [toolCall(text)] })).toMatchObject([{ input: { INVALID_JSON: text } }]);
  });

  test('gives a tool without arguments none', () => {
    expect(blocks({ tool_calls: [toolCall('')] })).toMatchObject([{ input: {} }]);
  });

  test('does not lose an image', () => {
    const images = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }];
    const expected = [{ type: 'text', text: '![image](data:image/png;base64,aGk=)', citations: null }];
    expect(blocks({ images })).toEqual(expected);
    expect(readMessage(eventsOf(streamOf(messagesDialect, [delta({ images }, 'stop')])))).toMatchObject({ content: expected });
  });

  test('takes what follows a signature for other thinking', () => {
    const signed = (text: string) => ({ type: 'reasoning.text', text, signature: `of ${text}`, format: 'anthropic-claude-v1' });
    expect(blocks({ reasoning_details: [signed('a'), signed('b')] })).toEqual([
      { type: 'thinking', thinking: 'a', signature: 'of a' },
      { type: 'thinking', thinking: 'b', signature: 'of b' },
    ]);
  });

  test('tells several calls that a server numbers alike as several', () => {
    const calls = [toolCall('{"a":1}'), { ...toolCall('{"b":2}'), id: 'other' }];
    expect(blocks({ tool_calls: calls })).toMatchObject([
      { id: 't0', input: { a: 1 } },
      { id: 'other', input: { b: 2 } },
    ]);
  });

  test.each<[string, ChatObject]>([
    ['signed by Anthropic', { type: 'reasoning.text', text: 'hm', signature: 's', format: 'anthropic-claude-v1' }],
    ['redacted by Anthropic', { type: 'reasoning.encrypted', data: 'd', format: 'anthropic-claude-v1' }],
    ['signed by another', { type: 'reasoning.text', text: 'hm', signature: 's', format: 'google-gemini-v1', id: 't1' }],
    ['encrypted by another', { type: 'reasoning.encrypted', data: 'd', format: 'google-gemini-v1', id: 't1' }],
    ['a summary', { type: 'reasoning.summary', summary: 'hm', format: 'openai-responses-v1', id: 'rs_1' }],
    ['nobody’s', { type: 'reasoning.text', text: 'hm' }],
  ])('brings reasoning back as it was: %s', (_, detail) => {
    const content = blocks({ reasoning_details: [{ ...detail, index: 0 }] });
    const next = { model: 'm', max_tokens: 1, messages: [{ role: 'assistant', content }] };
    const [message] = canonicalRequest(parse(messagesRequest, next))['messages'] as ChatObject[];
    expect(message?.['reasoning_details']).toEqual([{ ...detail, index: 0 }]);
  });
});

describe('a stream of a message', () => {
  test('sends the signature last in its block, and calls one behind the other', () => {
    const format = 'anthropic-claude-v1';
    const stream = streamOf(messagesDialect, [
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm', format, index: 0 }] }),
      delta({ reasoning_details: [{ type: 'reasoning.text', signature: 'sig', format, index: 0 }] }),
      { text: 'So' },
      delta({ tool_calls: [toolCall('')] }),
      delta({ tool_calls: [{ ...toolCall('{"b":2}', 1) }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] }, 'tool_calls'),
    ]);
    const events = eventsOf(stream).map(({ data: { type, index, content_block, delta: said } }) => [
      type,
      index,
      (content_block as ChatObject)?.['type'] ?? (said as ChatObject)?.['type'],
    ]);
    expect(events).toEqual([
      ['message_start', undefined, undefined],
      ['content_block_start', 0, 'thinking'],
      ['content_block_delta', 0, 'thinking_delta'],
      ['content_block_delta', 0, 'signature_delta'],
      ['content_block_stop', 0, undefined],
      ['content_block_start', 1, 'text'],
      ['content_block_delta', 1, 'text_delta'],
      ['content_block_stop', 1, undefined],
      ['content_block_start', 2, 'tool_use'],
      ['content_block_delta', 2, 'input_json_delta'],
      ['content_block_stop', 2, undefined],
      ['content_block_start', 3, 'tool_use'],
      ['content_block_delta', 3, 'input_json_delta'],
      ['content_block_stop', 3, undefined],
      ['message_delta', undefined, undefined],
      ['message_stop', undefined, undefined],
    ]);
  });

  test('sends a call on once the one before it is whole', () => {
    const frames = messagesDialect.frames(generationOf());
    frames.chunk({ choices: [{ index: 0, delta: { tool_calls: [toolCall('{"a":1}')] } }] });
    const second = frames.chunk({ choices: [{ index: 0, delta: { tool_calls: [toolCall('{"b"', 1)] } }] });
    expect(eventsOf(second).map(({ event }) => event)).toEqual([
      'content_block_stop',
      'content_block_start',
      'content_block_delta',
    ]);
  });

  test('without content is a message all the same', () => {
    expect(readMessage(eventsOf(streamOf(messagesDialect, [])))).toMatchObject({ content: [], stop_reason: 'end_turn' });
  });

  test('that the provider broke off ends with an error, and says what was charged', () => {
    const events = eventsOf(streamOf(messagesDialect, [{ text: 'H' }, delta({}, 'error')]));
    expect(events.slice(-2).map(({ data }) => data)).toMatchObject([
      { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 77, cost: 0.0123 } },
      { type: 'error', error: { type: 'api_error' } },
    ]);
  });

  test('tells an error and is kept alive in Anthropic’s words', () => {
    const problem = new ApiError(503, 'provider_overloaded', 'Busy', { metadata: { error_type: 'provider_overloaded' } });
    const error = { type: 'overloaded_error', message: 'Busy', error_type: 'provider_overloaded' };
    expect(eventsOf(messagesDialect.frames(generationOf()).error(problem))).toEqual([
      { event: 'error', data: { type: 'error', error, request_id: null } },
    ]);
    expect(eventsOf(messagesDialect.keepAlive)).toEqual([{ event: 'ping', data: { type: 'ping' } }]);
  });
});
