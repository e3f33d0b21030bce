import { describe, expect, test } from '@jest/globals';
import { conversation } from '../../src/providers/anthropic/messages.js';
import type { ChatMessage } from '../../src/providers/provider.js';
import { type MessagesRequest, refusalOf, signatureOf } from '../support/fake-anthropic-rules.js';

const said = (...messages: unknown[]) => {
  const { system, turns } = conversation(messages as ChatMessage[]);
  const body = { model: 'claude-sonnet-4', max_tokens: 10, ...(system.length > 0 && { system }), messages: turns };
  expect(refusalOf(body as unknown as MessagesRequest)).toBeUndefined();
  return { system, turns };
};
const turnsOf = (...messages: unknown[]) => said(...messages).turns;
const text = (words: string, more = {}) => ({ type: 'text', text: words, ...more });
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const call = (id: string, json: unknown = '{}', name = 'f') => ({ id, type: 'function', function: { name, arguments: json } });
const result = (id: string, content: unknown = 'ok') => ({ role: 'tool', tool_call_id: id, content });
const refusal = (...messages: unknown[]) => {
  try {
    conversation(messages as ChatMessage[]);
  } catch (error) {
    return (error as { param?: string }).param;
  }
  throw new Error('said');
};

describe('the conversation', () => {
  test('system and developer messages are one system, in order, wherever they stand', () => {
    const { system, turns } = said(
      { role: 'system', content: 'A' },
      { role: 'user', content: 'Hi' },
      { role: 'developer', content: [{ type: 'text', text: 'B' }] },
    );
    expect(system).toEqual([text('A'), text('B')]);
    expect(turns).toEqual([user(text('Hi'))]);
  });

  test('messages of one side that follow each other are one turn', () => {
    expect(
      turnsOf(
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
        { role: 'assistant', content: 'c' },
        { role: 'system', content: 'S' },
        { role: 'assistant', content: 'd' },
        { role: 'user', content: 'e' },
      ),
    ).toEqual([user(text('a'), text('b')), assistant(text('c'), text('d')), user(text('e'))]);
  });

  test('blank texts are left out; a user who says nothing and one who does not open have a turn all the same', () => {
    expect(
      turnsOf(
        { role: 'system', content: ' ' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: '' },
        { role: 'assistant', content: '\n' },
        { role: 'user', content: [text(''), text('x')] },
      ),
    ).toEqual([user(text('.')), assistant(text('Hello')), user(text('x'))]);
    expect(turnsOf({ role: 'system', content: 'S' })).toEqual([user(text('.'))]);
    expect(turnsOf({ role: 'user', content: '  ' })).toEqual([user(text('.'))]);
  });

  test('an answer to be continued does not end in white space', () => {
    expect(turnsOf({ role: 'user', content: 'a' }, { role: 'assistant', content: 'The answer is \n' })).toEqual([
      user(text('a')),
      assistant(text('The answer is')),
    ]);
  });

  test.each([
    ['a function message', [{ role: 'function', name: 'f', content: '1' }], 'messages[0].role'],
    [
      'an image of the system',
      [{ role: 'system', content: [{ type: 'image_url', image_url: 'https://a' }] }],
      'messages[0].content',
    ],
    [
      'an image of the assistant',
      [{ role: 'assistant', content: [{ type: 'image_url', image_url: 'https://a' }] }],
      'messages[0].content',
    ],
    [
      'a function call of old',
      [{ role: 'assistant', function_call: { name: 'f', arguments: '{}' } }],
      'messages[0].function_call',
    ],
    ['a result of nothing', [{ role: 'tool', content: 'x' }], 'messages[0].tool_call_id'],
  ])('%s cannot be said', (_, messages, param) => {
    expect(refusal(...messages)).toBe(param);
  });
});

describe('tools in a conversation', () => {
  test('arguments are text in OpenAI and an object in Anthropic', () => {
    expect(
      turnsOf(
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b', tool_calls: [call('c1', '{"x":[1]}')] },
        result('c1'),
      ),
    ).toEqual([
      user(text('a')),
      assistant(text('b'), { type: 'tool_use', id: 'c1', name: 'f', input: { x: [1] } }),
      user({ type: 'tool_result', tool_use_id: 'c1', content: [text('ok')] }),
    ]);
  });

  test('empty arguments are none', () => {
    const [, turn] = turnsOf(
      { role: 'user', content: 'a' },
      { role: 'assistant', content: null, tool_calls: [call('c1', '')] },
      result('c1'),
    );
    expect(turn?.content).toEqual([{ type: 'tool_use', id: 'c1', name: 'f', input: {} }]);
  });

  test.each(['{"x":', '[1]', '"x"', 'null', 7])('arguments %j cannot be said', (json) => {
    expect(refusal({ role: 'user', content: 'a' }, { role: 'assistant', tool_calls: [call('a'), call('b', json)] })).toBe(
      'messages[1].tool_calls[1].function.arguments',
    );
  });

  test('a call needs an id and a name', () => {
    expect(refusal({ role: 'assistant', tool_calls: [{ id: 'x' }] })).toBe('messages[0].tool_calls[0]');
    expect(refusal({ role: 'assistant', tool_calls: [null] })).toBe('messages[0].tool_calls[0]');
  });

  test('all results of one turn are in one user message, first in its content', () => {
    const [, , turn] = turnsOf(
      { role: 'user', content: 'a' },
      { role: 'assistant', content: '', tool_calls: [call('c1'), call('c2')] },
      result('c1', 'one'),
      { role: 'user', content: 'and?' },
      result('c2', ''),
    );
    expect(turn?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'c1', content: [text('one')] },
      { type: 'tool_result', tool_use_id: 'c2' },
      text('and?'),
    ]);
  });

  test('a result may hold images; a breakpoint in it is its own', () => {
    const ephemeral = { type: 'ephemeral', ttl: '1h' };
    const parts = [text('see'), { type: 'image_url', image_url: { url: 'https://a/b.png' }, cache_control: ephemeral }];
    const [, , turn] = turnsOf(
      { role: 'user', content: 'a' },
      { role: 'assistant', tool_calls: [call('c1')] },
      result('c1', parts),
    );
    expect(turn?.content).toEqual([
      {
        type: 'tool_result',
        tool_use_id: 'c1',
        content: [text('see'), { type: 'image', source: { type: 'url', url: 'https://a/b.png' } }],
        cache_control: ephemeral,
      },
    ]);
  });

  test("another model's ids lose what Anthropic refuses, in call and result alike", () => {
    const [, asked, answered] = turnsOf(
      { role: 'user', content: 'a' },
      { role: 'assistant', tool_calls: [call('functions.f:0')] },
      result('functions.f:0'),
    );
    expect(asked?.content[0]?.['id']).toBe('functions_f_0');
    expect(answered?.content[0]?.['tool_use_id']).toBe('functions_f_0');
  });
});

describe('parts', () => {
  const partOf = (part: object) => turnsOf({ role: 'user', content: [part] })[0]?.content[0];
  const base64 = Buffer.from('%PDF-1').toString('base64');

  test.each([
    ['data:image/png;base64,AAAA', { type: 'base64', media_type: 'image/png', data: 'AAAA' }],
    ['data:image/jpg;base64,AAAA', { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' }],
    ['data:image/webp;name=a;base64,AAAA', { type: 'base64', media_type: 'image/webp', data: 'AAAA' }],
    ['https://example.org/a.png', { type: 'url', url: 'https://example.org/a.png' }],
    ['http://example.org/a.png', { type: 'url', url: 'http://example.org/a.png' }],
  ])('image %s', (url, source) => {
    expect(partOf({ type: 'image_url', image_url: { url, detail: 'high' } })).toEqual({ type: 'image', source });
  });

  test.each([
    [`data:application/pdf;base64,${base64}`, { type: 'base64', media_type: 'application/pdf', data: base64 }],
    ['https://example.org/a.pdf', { type: 'url', url: 'https://example.org/a.pdf' }],
    ['data:text/plain;charset=utf-8;base64,WsO8cmljaA==', { type: 'text', media_type: 'text/plain', data: 'Zürich' }],
    ['data:text/csv,Z%C3%BCrich,1%', { type: 'text', media_type: 'text/plain', data: 'Zürich,1%' }],
    ['data:application/json,{"a":"ü"}', { type: 'text', media_type: 'text/plain', data: '{"a":"ü"}' }],
  ])('file %s', (file_data, source) => {
    expect(partOf({ type: 'file', file: { filename: 'a', file_data } })).toEqual({ type: 'document', source, title: 'a' });
  });

  test('an image in a file', () => {
    const source = { type: 'base64', media_type: 'image/gif', data: 'AAAA' };
    expect(partOf({ type: 'file', file: { file_data: 'data:image/gif;base64,AAAA' } })).toEqual({ type: 'image', source });
  });

  test.each([
    { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    { type: 'video_url', video_url: { url: 'https://a' } },
    { type: 'input_video' },
    { type: 'image_url', image_url: { url: 'data:image/tiff;base64,AAAA' } },
    { type: 'image_url', image_url: { url: 'ftp://a' } },
    { type: 'image_url', image_url: { url: 'data:image/png' } },
    { type: 'image_url' },
    { type: 'file', file: { file_id: 'file-1' } },
    { type: 'file', file: { file_data: 'data:application/zip;base64,AAAA' } },
    { type: 'hologram' },
    null,
    7,
  ])('%j cannot be said', (part) => {
    expect(refusal({ role: 'user', content: [text('a'), part] })).toBe('messages[0].content[1]');
  });

  test('breakpoints of the cache on parts and on messages', () => {
    const cache_control = { type: 'ephemeral' };
    const { system, turns } = said(
      { role: 'system', content: [text('A', { cache_control }), text('B')] },
      { role: 'user', content: 'a', cache_control: { type: 'ephemeral', ttl: '1h', scope: 'x' } },
      { role: 'assistant', content: [text('b', { cache_control: { type: 'permanent' } })] },
      { role: 'user', content: 'c' },
    );
    expect(system).toEqual([text('A', { cache_control }), text('B')]);
    expect(turns).toEqual([
      user(text('a', { cache_control: { type: 'ephemeral', ttl: '1h' } })),
      assistant(text('b')),
      user(text('c')),
    ]);
  });
});

describe('thinking that comes back', () => {
  const format = 'anthropic-claude-v1';
  const blocksOf = (details: unknown) =>
    (
      turnsOf(
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'said', reasoning_details: details, tool_calls: [call('c')] },
        result('c'),
      )[1] as { content: object[] }
    ).content.slice(0, -2);
  const thinking = (words: string) => ({ type: 'thinking', thinking: words, signature: signatureOf(words) });

  test('stands unchanged and in its order before words and calls', () => {
    const { turns } = conversation([
      { role: 'user', content: 'a' },
      {
        role: 'assistant',
        content: 'said',
        tool_calls: [call('c')],
        reasoning_details: [
          { type: 'reasoning.text', text: 'one ', signature: 's1', format, index: 0 },
          { type: 'reasoning.encrypted', data: 'hidden', format, index: 1 },
          { type: 'reasoning.text', text: '', signature: 's2', format, index: 2 },
        ],
      },
    ]);
    expect(turns[1]?.content).toEqual([
      { type: 'thinking', thinking: 'one ', signature: 's1' },
      { type: 'redacted_thinking', data: 'hidden' },
      { type: 'thinking', thinking: '', signature: 's2' },
      text('said'),
      { type: 'tool_use', id: 'c', name: 'f', input: {} },
    ]);
  });

  test('is put together again from the pieces of a stream', () => {
    const piece = (index: number, members: object) => ({ type: 'reasoning.text', format, index, ...members });
    expect(
      blocksOf([
        piece(0, { text: 'a' }),
        piece(0, { text: 'b' }),
        piece(0, { signature: signatureOf('ab') }),
        piece(1, { text: 'c' }),
        piece(1, { text: '', signature: signatureOf('c') }),
      ]),
    ).toEqual([thinking('ab'), thinking('c')]);
  });

  test('is not sent where it is of another model, unsigned, or broken off', () => {
    expect(
      blocksOf([
        { type: 'reasoning.text', text: 'x', signature: 'y', format: 'google-gemini-v1' },
        { type: 'reasoning.encrypted', data: 'x', format: 'openai-responses-v1' },
        { type: 'reasoning.text', text: 'x', signature: 'y' },
        { type: 'reasoning.text', text: 'broken off', format, index: 0 },
        { type: 'reasoning.text', text: 'whole', signature: signatureOf('whole'), format, index: 1 },
        null,
      ]),
    ).toEqual([thinking('whole')]);
    expect(blocksOf('nonsense')).toEqual([]);
  });
});
