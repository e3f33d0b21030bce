import { describe, expect, test } from '@jest/globals';
import { chatRequest } from '../../src/completions/chat-request.js';
import { ApiError } from '../../src/http/api-error.js';
import { parse } from '../../src/http/validation.js';
import type { ChatObject } from '../../src/providers/index.js';
import { canonicalRequest, textRequest } from '../../src/text-completions/canonical-request.js';
import { textDialect } from '../../src/text-completions/text-dialect.js';
import { delta, eventsOf, generationOf, streamOf, USAGE, wholeBody } from '../support/answer-dialects.js';

const canonical = (asked: ChatObject) =>
  parse(chatRequest, canonicalRequest(parse(textRequest, { model: 'm', prompt: 'Once', ...asked }))) as ChatObject;

function refusal(asked: ChatObject): unknown {
  try {
    canonical(asked);
  } catch (error) {
    if (error instanceof ApiError) return [error.status, error.details.param];
    throw error;
  }
  return undefined;
}

describe('a request for text', () => {
  test.each(['Once', ['Once']])('asks %j of a chat completion', (prompt) => {
    const asked = { prompt, max_tokens: 5, n: 2, best_of: 2, stop: 'X', logprobs: 5, echo: false, suffix: '', tools: [{}] };
    expect(canonical(asked)).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'Once' }],
      max_tokens: 5,
      n: 2,
      stop: 'X',
    });
  });

  test.each<[string, ChatObject]>([
    ['prompt', { prompt: undefined }],
    ['prompt', { prompt: [] }],
    ['prompt', { prompt: ['a', 'b'] }],
    ['prompt', { prompt: [1, 2] }],
    ['prompt', { prompt: [[1, 2]] }],
    ['suffix', { suffix: 'end' }],
    ['echo', { echo: true }],
    ['best_of', { best_of: 2 }],
  ])('is refused for its %s: %j', (param, asked) => {
    expect(refusal(asked)).toEqual([400, param]);
  });
});

const HEAD = {
  id: 'gen-0123456789abcdef0123456789abcdef',
  object: 'text_completion',
  created: 1_770_000_000,
  model: 'maker/model',
  provider: 'Provider',
};

describe('text', () => {
  test('is told as OpenAI’s text completion, with reasoning beside it', () => {
    expect(wholeBody(textDialect, { content: 'Hi', reasoning: 'hm' }, 'length')).toEqual({
      ...HEAD,
      choices: [
        { text: 'Hi', index: 0, logprobs: null, finish_reason: 'length', native_finish_reason: 'length', reasoning: 'hm' },
      ],
      usage: USAGE,
    });
  });

  test.each([
    [undefined, [{ text: '', index: 0, logprobs: null, finish_reason: null }]],
    [{ include_usage: true }, []],
  ])('is streamed as such, its usage last: %j', (stream_options, choices) => {
    const steps = [delta({ role: 'assistant', content: '' }), { text: 'a"' }, delta({ content: 'b' }), delta({}, 'stop')];
    const choice = (text: string) => ({ text, index: 0, logprobs: null, finish_reason: null });
    expect(eventsOf(streamOf(textDialect, steps, { stream_options })).map(({ data }) => data)).toEqual([
      { ...HEAD, choices: [choice('a"')] },
      { ...HEAD, choices: [choice('b')] },
      { ...HEAD, choices: [{ ...choice(''), finish_reason: 'stop', native_finish_reason: 'stop' }] },
      { ...HEAD, choices, usage: USAGE },
      { done: true },
    ]);
  });

  test('tells each choice by its index', () => {
    const frames = textDialect.frames(generationOf());
    const [event] = eventsOf(frames.text(1, '"a"'));
    expect(event?.data['choices']).toMatchObject([{ text: 'a', index: 1 }]);
  });

  test('tells an error as OpenRouter does', () => {
    const problem = new ApiError(502, 'a_code', 'Broken', { metadata: { error_type: 'provider_unavailable' } });
    expect(eventsOf(textDialect.frames(generationOf()).error(problem)).map(({ data }) => data)).toEqual([
      {
        ...HEAD,
        error: { code: 502, message: 'Broken', metadata: { error_type: 'provider_unavailable' } },
        choices: [{ text: '', index: 0, logprobs: null, finish_reason: 'error' }],
      },
    ]);
  });
});
