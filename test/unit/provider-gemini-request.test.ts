import { describe, expect, test } from '@jest/globals';
import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import type { ChatMessage } from '../../src/providers/provider.js';
import { CannotSay } from '../../src/providers/wire-format.js';
import { bodyOf, call } from '../support/gemini-outlet.js';

const sent = (...messages: ChatMessage[]) => bodyOf({ messages });
const partsFor = (part: object) => sent({ role: 'user', content: [part as { type: string }] }).contents[0]?.parts;
const refused = (request: Parameters<typeof call>[0]): string | undefined => {
  try {
    geminiWire.body(call(request), false);
  } catch (error) {
    if (error instanceof CannotSay) return error.param;
    throw error;
  }
  throw new Error('was said');
};

describe('a conversation', () => {
  test('has its instructions apart, and turns of one role made one', () => {
    const body = sent(
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'a' },
      { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
      { role: 'user', content: 'b' },
      { role: 'assistant', content: 'c' },
      { role: 'assistant', content: '' },
      { role: 'user', content: 'd' },
    );
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
        { role: 'model', parts: [{ text: 'c' }] },
        { role: 'user', parts: [{ text: 'd' }] },
      ],
    });
  });

  test('of instructions alone is one question', () => {
    expect(sent({ role: 'system', content: 'Say hi.' })).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Say hi.' }] }] });
  });

  test('that says nothing cannot be sent', () => {
    expect(refused({ messages: [{ role: 'user', content: '' }] })).toBe('messages');
  });

  test('has results of parallel calls in one turn, under the names of their functions', () => {
    const fn = (id: string, name: string) => ({ id, type: 'function', function: { name, arguments: '{}' } });
    const { contents } = sent(
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'Let me see.', tool_calls: [fn('1', 'f'), fn('2', 'g')] },
      { role: 'tool', tool_call_id: '2', content: '{"x":1}' },
      {
        role: 'tool',
        tool_call_id: '1',
        content: [
          { type: 'text', text: '[1' },
          { type: 'text', text: ',2]' },
        ],
      },
      { role: 'user', content: 'And?' },
    );
    expect(contents.map(({ role }) => role)).toEqual(['user', 'model', 'user']);
    expect(contents[1]?.parts[0]).toEqual({ text: 'Let me see.' });
    expect(contents[2]?.parts).toEqual([
      { functionResponse: { id: '2', name: 'g', response: { x: 1 } } },
      { functionResponse: { id: '1', name: 'f', response: { result: '[1,2]' } } },
      { text: 'And?' },
    ]);
  });

  test.each([
    ['no JSON', 'sunny', { result: 'sunny' }],
    ['a number', '7', { result: '7' }],
    ['nothing', '', { result: '' }],
    ['an object', '{"a":[1]}', { a: [1] }],
    ['an object with a number too long for a double', '{"id":12345678901234567890}', { result: '{"id":12345678901234567890}' }],
  ])('gives a result that is %s', (_, content, response) => {
    const { contents } = sent(
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
      { role: 'function', name: 'f', content },
    );
    expect(contents[0]?.parts).toEqual([{ functionCall: { name: 'f', args: { a: 1 } } }]);
    expect(contents[1]?.parts).toEqual([{ functionResponse: { name: 'f', response } }]);
  });

  test('shows pictures of a result and of an answer where they were', () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
    const inlineData = { mimeType: 'image/png', data: 'AA==' };
    const { contents } = sent(
      { role: 'assistant', content: 'x', images: [image], tool_calls: [{ id: '1', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: '1', content: [image] },
    );
    expect(contents[0]?.parts.slice(0, 2)).toEqual([{ text: 'x' }, { inlineData }]);
    expect(contents[1]?.parts).toEqual([{ functionResponse: { id: '1', name: 'f', response: { result: '' } } }, { inlineData }]);
  });

  test.each<[string, ChatMessage[]]>([
    [
      'messages[1].tool_call_id',
      [
        { role: 'user', content: 'a' },
        { role: 'tool', tool_call_id: 'x', content: '1' },
      ],
    ],
    ['messages[0].tool_calls[0]', [{ role: 'assistant', tool_calls: [{ id: '1', type: 'custom', custom: {} }] }]],
    [
      'messages[0].tool_calls[0].function.arguments',
      [{ role: 'assistant', tool_calls: [{ id: '1', function: { name: 'f', arguments: '[' } }] }],
    ],
    ['messages[0].content', [{ role: 'system', content: [{ type: 'image_url', image_url: { url: 'https://a/b.png' } }] }]],
    ['messages[0].content[0].type', [{ role: 'user', content: [{ type: 'hologram' }] }]],
    [
      'messages[0].content[0].input_audio.format',
      [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'A', format: 'midi' } }] }],
    ],
    ['messages[0].content[0].file', [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }]],
    ['messages[0].content[0].image_url', [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'ftp://a/b' } }] }]],
    [
      'messages[0].content[0].image_url',
      [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:text/plain,x' } }] }],
    ],
  ])('cannot be sent with what is at %s', (param, messages) => {
    expect(refused({ messages })).toBe(param);
  });
});

describe('a part that is no text', () => {
  test.each<[string, object, object]>([
    [
      'an image at hand',
      { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,AA==' } },
      { inlineData: { mimeType: 'image/jpeg', data: 'AA==' } },
    ],
    [
      'an image elsewhere',
      { type: 'image_url', image_url: { url: 'https://a/b.PNG?c=d.pdf' } },
      { fileData: { mimeType: 'image/png', fileUri: 'https://a/b.PNG?c=d.pdf' } },
    ],
    [
      'an image of a kind untold',
      { type: 'image_url', image_url: { url: 'https://a/b' } },
      { fileData: { fileUri: 'https://a/b' } },
    ],
    [
      'a file',
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;name=a;base64,AA==' } },
      { inlineData: { mimeType: 'application/pdf', data: 'AA==' } },
    ],
    [
      'sound',
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'mp3' } },
      { inlineData: { mimeType: 'audio/mp3', data: 'AA==' } },
    ],
    ['a video', { type: 'video_url', video_url: { url: 'https://youtu.be/x' } }, { fileData: { fileUri: 'https://youtu.be/x' } }],
  ])('is sent: %s', (_, part, expected) => {
    expect(partsFor(part)).toEqual([expected]);
  });
});

describe('parameters', () => {
  test('are sent in the words of Gemini, where the model takes them', () => {
    const request = {
      ...{ temperature: 0, top_p: 0.5, top_k: 3, seed: 1, presence_penalty: 1, frequency_penalty: 2, stop: 'x', n: 2 },
      ...{ logprobs: true, top_logprobs: 4, logit_bias: { 1: 2 }, user: 'u', api_base: 'https://evil' },
    };
    expect(bodyOf(request).generationConfig).toEqual({
      ...{ temperature: 0, topP: 0.5, topK: 3, seed: 1, presencePenalty: 1, frequencyPenalty: 2, stopSequences: ['x'] },
      ...{ candidateCount: 2, responseLogprobs: true, logprobs: 4 },
    });
    expect(bodyOf(request, { supportedParameters: ['top_k'] }).generationConfig).toEqual({ topK: 3, candidateCount: 2 });
    expect(JSON.stringify(bodyOf(request))).not.toContain('evil');
  });

  test.each<[object, object | undefined]>([
    [{ type: 'text' }, undefined],
    [{ type: 'json_object' }, { responseMimeType: 'application/json' }],
    [
      { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { $schema: 's', type: 'object', $ref: '#/x' } } },
      { responseMimeType: 'application/json', responseJsonSchema: { type: 'object', $ref: '#/x' } },
    ],
  ])('ask for a format: %j', (response_format, config) => {
    expect(bodyOf({ response_format }).generationConfig).toEqual(config);
  });

  test.each<[unknown, object | undefined]>([
    ['auto', { mode: 'AUTO' }],
    ['none', { mode: 'NONE' }],
    ['required', { mode: 'ANY' }],
    [
      { type: 'function', function: { name: 'f' } },
      { mode: 'ANY', allowedFunctionNames: ['f'] },
    ],
    [undefined, undefined],
  ])('let the model choose its tools: %j', (tool_choice, functionCallingConfig) => {
    const parameters = { type: 'object', properties: { a: { const: 1 } }, additionalProperties: false, $schema: 's' };
    const tools = [{ type: 'function', function: { name: 'f', description: 'd', parameters, strict: true } }];
    const { $schema: _, ...parametersJsonSchema } = parameters;
    const body = bodyOf({ tools, tool_choice });
    expect(body.tools).toEqual([{ functionDeclarations: [{ name: 'f', description: 'd', parametersJsonSchema }] }]);
    expect(body.toolConfig).toEqual(functionCallingConfig && { functionCallingConfig });
  });

  test.each<[string, object]>([
    ['stop', { stop: ['1', '2', '3', '4', '5', '6'] }],
    ['tools[0]', { tools: [{ type: 'openrouter:web_search' }] }],
    ['tool_choice', { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: { type: 'custom' } }],
    ['response_format.type', { response_format: { type: 'grammar' } }],
  ])('that Gemini has no word for are refused: %s', (param, request) => {
    expect(refused(request)).toBe(param);
  });

  test('a choice of tools without tools is none', () => {
    expect(bodyOf({ tool_choice: 'auto' })).toEqual(bodyOf());
  });
});

test('a model is named in the path, whatever its name', () => {
  expect(geminiWire.path({ upstreamModel: 'a/b:c?d' }, true)).toBe('/v1beta/models/a%2Fb%3Ac%3Fd:streamGenerateContent?alt=sse');
});
