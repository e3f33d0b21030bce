import { describe, expect, test } from '@jest/globals';
import { refusalOf } from '../support/upstream-rules.js';

const asked = { role: 'user', content: 'Hi' };
const called = { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] };
const result = { role: 'tool', tool_call_id: 'a', content: '1' };
const body = (more: object, model = 'gpt-4o', ...messages: object[]) => ({ model, messages: [asked, ...messages], ...more });

describe('the fake upstream refuses what the real ones refuse', () => {
  test.each<[object, string | null]>([
    [body({ top_k: 1 }), 'top_k'],
    [body({ reasoning: {} }), 'reasoning'],
    [body({ thinking: {} }), 'thinking'],
    [body({ provider: {} }), 'provider'],
    [{ model: 'gpt-4o' }, 'messages'],
    [body({ stream_options: { include_usage: true } }), 'stream_options'],
    [body({ metadata: {} }), 'metadata'],
    [body({ max_tokens: 1, max_completion_tokens: 1 }), 'max_tokens'],
    [body({ max_tokens: 1 }, 'o4-mini'), 'max_tokens'],
    [body({ temperature: 0 }, 'gpt-5-nano'), 'temperature'],
    [body({ top_logprobs: 2 }, 'ft:o4-mini:us'), 'top_logprobs'],
    [body({}, 'gpt-4o', { ...asked, reasoning: 'x' }), 'messages[1].reasoning'],
    [body({}, 'gpt-4o', { ...asked, reasoning_details: [] }), 'messages[1].reasoning_details'],
    [body({}, 'gpt-4o', { ...asked, cache_control: {} }), 'messages[1].cache_control'],
    [body({}, 'gpt-4o', { ...called, reasoning_content: '' }, result), 'messages[1].reasoning_content'],
    [
      body({}, 'gpt-4o', { role: 'user', content: [{ type: 'text', text: '', cache_control: {} }] }),
      'messages[1].content[0].cache_control',
    ],
    [body({}, 'gpt-4o', { role: 'user', content: [{ type: 'video_url' }] }), 'messages[1].content[0].type'],
    [body({}, 'gpt-4o', { role: 'robot' }), 'messages[1].role'],
    [body({}, 'gpt-4o', { ...called, tool_calls: [] }), 'messages[1].tool_calls'],
    [body({}, 'gpt-4o', result), 'messages[1].role'],
    [body({}, 'gpt-4o', called), 'messages'],
    [body({}, 'gpt-4o', called, asked, result), 'messages[2]'],
    [body({ seed: 1 }, 'deepseek-v4'), 'seed'],
    [body({ logprobs: true }, 'deepseek-v4'), 'logprobs'],
    [body({}, 'deepseek-v4', { role: 'developer', content: 'x' }), 'messages[1].role'],
    [body({}, 'deepseek-v4', called, result), null],
    [body({}, 'deepseek-v4', { role: 'user', content: [{ type: 'image_url' }] }), null],
  ])('%j', (sent, param) => {
    expect(refusalOf(sent as Record<string, unknown>)).toMatchObject({ type: 'invalid_request_error', param });
  });

  test.each<object>([
    body({ temperature: 0.5, max_tokens: 5, seed: 1 }),
    body({ stream: true, stream_options: { include_usage: true } }),
    body({ temperature: 1, max_completion_tokens: 5 }, 'o4-mini'),
    body({ temperature: 0.5, reasoning_effort: 'none' }, 'gpt-5.1'),
    body({ temperature: 0.5, max_tokens: 5 }, 'gpt-5-chat-latest'),
    body({}, 'gpt-4o', { ...called, refusal: null, annotations: [] }, result, asked),
    body({ temperature: 0.5, reasoning_effort: 'high' }, 'deepseek-v4', { ...called, reasoning_content: '' }, result),
    body({ logprobs: true, thinking: { type: 'disabled' } }, 'deepseek-v4', called, result),
    body({ top_k: 1 }, 'qwen3'),
  ])('but not %j', (sent) => {
    expect(refusalOf(sent as Record<string, unknown>)).toBeUndefined();
  });
});
