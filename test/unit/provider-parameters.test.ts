import { describe, expect, test } from '@jest/globals';
import { type Route, upstreamParameters } from '../../src/providers/index.js';

const OPENAI: Route = { provider: 'openai', upstreamModel: 'gpt-4o' };
const O3: Route = { provider: 'openai', upstreamModel: 'o3-mini' };
const DEEPSEEK: Route = { provider: 'deepseek', upstreamModel: 'deepseek-v4' };
const messages = [{ role: 'user', content: 'Hi' }];

const sent = (asked: object, supported: string[] = [], route = OPENAI) => {
  const { messages: _, ...rest } = upstreamParameters({ messages, ...asked }, supported, route);
  return rest;
};

describe('what goes upstream', () => {
  test('is what the model takes', () => {
    expect(sent({ temperature: 1, top_p: 0.5, seed: 3, stop: null }, ['temperature', 'stop'])).toEqual({ temperature: 1 });
  });

  test('is what the provider has a word for', () => {
    const asked = { n: 2, user: 'u', seed: 1, temperature: 1 };
    expect(sent(asked, ['seed', 'temperature'])).toEqual(asked);
    expect(sent(asked, ['seed', 'temperature'], DEEPSEEK)).toEqual({ temperature: 1 });
  });

  test('is never anything else', () => {
    const asked = JSON.parse(
      '{"api_base":"http://evil","base_url":"x","api_key":"x","extra_headers":{},"extra_body":{},"store":true,"metadata":{},"model":"x","stream":true,' +
        '"stream_options":{},"provider":{},"plugins":[],"__proto__":{"a":1},"constructor":1}',
    );
    expect(sent(asked, Object.keys(asked))).toEqual({});
  });

  test.each(['auto', 'default', 'flex'])('may ask for the service tier %s', (service_tier) => {
    expect(sent({ service_tier })).toEqual({ service_tier });
  });

  test.each(['priority', 'scale', 'fast', 7])('may not ask for the dearer service tier %s', (service_tier) => {
    expect(sent({ service_tier })).toEqual({});
  });

  test('has a schema of the answer where the model takes structured outputs', () => {
    const response_format = { type: 'json_schema', json_schema: {} };
    expect(sent({ response_format }, ['structured_outputs'])).toEqual({ response_format });
  });
});

describe('the limit of the answer', () => {
  test.each([
    ['as asked', { max_tokens: 5 }, OPENAI, { max_tokens: 5 }],
    ['as asked', { max_completion_tokens: 5 }, OPENAI, { max_completion_tokens: 5 }],
    ['the smaller of two', { max_tokens: 5, max_completion_tokens: 9 }, OPENAI, { max_completion_tokens: 5 }],
    ['of a reasoning model', { max_tokens: 5 }, O3, { max_completion_tokens: 5 }],
    ['of a reasoning model', { max_tokens: 5 }, { ...O3, upstreamModel: 'gpt-5.1' }, { max_completion_tokens: 5 }],
    ['of DeepSeek', { max_completion_tokens: 5 }, DEEPSEEK, { max_tokens: 5 }],
    ['none', { max_tokens: null }, OPENAI, {}],
  ])('is passed whatever the model is said to take: %s %j', (_, asked, route, expected) => {
    expect(sent(asked, [], route)).toEqual(expected);
  });
});

describe('reasoning', () => {
  test.each([
    [{ reasoning: { effort: 'high' } }, ['reasoning'], O3, { reasoning_effort: 'high' }],
    [{ reasoning_effort: 'low' }, ['reasoning_effort'], O3, { reasoning_effort: 'low' }],
    [{ reasoning: { effort: 'high' } }, [], OPENAI, {}],
    [{ reasoning: { enabled: false } }, ['reasoning'], DEEPSEEK, { thinking: { type: 'disabled' } }],
    [{ reasoning: { max_tokens: 100 } }, ['reasoning'], O3, {}],
  ])('%j where the model takes %j', (asked, supported, route, expected) => {
    expect(sent(asked, supported, route)).toEqual(expected);
  });
});

describe('messages', () => {
  const upstream = (given: object[], route = OPENAI) => upstreamParameters({ messages: given }, [], route).messages;

  test('that need no edit are passed as they are', () => {
    expect((upstream(messages) as object[])[0]).toBe(messages[0]);
  });

  test("lose what OpenAI refuses, and the caller's own stay as they were", () => {
    const given = [
      { role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } }] },
      { role: 'assistant', content: 'Yes', reasoning: 'hm', reasoning_details: [] },
    ];
    const before = structuredClone(given);
    expect(upstream(given)).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: 'Yes' },
    ]);
    expect(given).toEqual(before);
  });

  test('DeepSeek gets its reasoning back where tools were called', () => {
    const called = { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] };
    expect(upstream([{ ...called, reasoning: 'hm' }, called, messages[0] ?? {}], DEEPSEEK)).toEqual([
      { ...called, reasoning_content: 'hm' },
      { ...called, reasoning_content: '' },
      messages[0],
    ]);
  });
});
