/** An answer by a schema from DeepSeek, which has no word for one; and the result of a tool that a client has named. */
import { describe, expect, test } from '@jest/globals';
import { requestBody } from '../../src/providers/openai/request.js';
import type { ChatCall, ChatMessage } from '../../src/providers/provider.js';

const QUESTION: ChatMessage = { role: 'user', content: 'Weather?' };
const callOf = (parameters: object, messages: readonly ChatMessage[] = [QUESTION]): ChatCall => ({
  upstreamModel: 'deepseek-flash',
  request: { messages, ...parameters },
  supportedParameters: ['response_format', 'tools'],
  outputTokensMax: 100,
  reasoning: undefined,
});
const schema = { type: 'object', properties: { celsius: { type: 'number' } } };
const BY_SCHEMA = { response_format: { type: 'json_schema', json_schema: { name: 'weather', schema } } };

describe('DeepSeek', () => {
  test('is told a schema in words, ahead of the conversation', () => {
    const { response_format, messages } = requestBody(callOf(BY_SCHEMA), 'deepseek') as { [name: string]: ChatMessage[] };
    expect(response_format).toEqual({ type: 'json_object' });
    expect(messages).toEqual([{ role: 'system', content: expect.stringContaining(JSON.stringify(schema)) }, QUESTION]);
  });

  test.each([{ type: 'json_object' }, { type: 'text' }])('gets %j as it is', (response_format) => {
    expect(requestBody(callOf({ response_format }), 'deepseek')).toMatchObject({ response_format, messages: [QUESTION] });
  });

  test('is told nothing where no format is asked for', () => {
    const body = requestBody(callOf({}), 'deepseek');
    expect(body).toMatchObject({ messages: [QUESTION] });
    expect(body).not.toHaveProperty('response_format');
  });
});

test('OpenAI gets a schema as it is', () => {
  expect(requestBody(callOf(BY_SCHEMA), 'openai')).toMatchObject({ ...BY_SCHEMA, messages: [QUESTION] });
});

test.each(['openai', 'deepseek', 'compatible'] as const)('%s gets no name beside the result of a tool', (dialect) => {
  const calls = [{ id: 'call_0', type: 'function', function: { name: 'get_weather', arguments: '{}' } }];
  const result = { role: 'tool' as const, tool_call_id: 'call_0', content: '21 degrees' };
  const named = { ...QUESTION, name: 'somebody' };
  const messages = [named, { role: 'assistant' as const, content: null, tool_calls: calls }, { ...result, name: 'get_weather' }];
  const sent = requestBody(callOf({}, messages), dialect)['messages'] as readonly ChatMessage[];
  expect([sent[0], sent[2]]).toEqual([named, result]);
});
