import { describe, expect, test } from '@jest/globals';
import type { Reasoning } from '../../src/pricing/index.js';
import type { OpenAiDialect } from '../../src/providers/openai/dialect.js';
import { openAiWire } from '../../src/providers/openai/openai-wire.js';
import type { ChatCall, ChatMessage } from '../../src/providers/provider.js';
import { outputPlan } from '../../src/providers/reasoning.js';

interface Served {
  readonly dialect: OpenAiDialect;
  readonly upstreamModel: string;
  readonly reasoning?: Reasoning;
  readonly routeParameters?: Record<string, unknown>;
}

const optional: Reasoning = { mandatory: false, supportsMaxTokens: false };
const OPENAI: Served = { dialect: 'openai', upstreamModel: 'gpt-4o' };
const O3: Served = { dialect: 'openai', upstreamModel: 'o3-mini', reasoning: { ...optional, mandatory: true } };
const GPT: Served = { dialect: 'openai', upstreamModel: 'gpt-5.1', reasoning: { ...optional, defaultEnabled: false } };
const DEEPSEEK: Served = { dialect: 'deepseek', upstreamModel: 'deepseek-v4', reasoning: { ...optional, control: 'toggle' } };
const COMPATIBLE: Served = { dialect: 'compatible', upstreamModel: 'qwen3', reasoning: optional };
const SWITCHED: Served = { ...COMPATIBLE, reasoning: { ...optional, control: 'toggle' } };
const LIMIT = 20_000;
const messages: ChatMessage[] = [{ role: 'user', content: 'Hi' }];

function bodyOf(asked: object, supported: readonly string[], served: Served, limit: number | undefined): Record<string, unknown> {
  const { dialect, upstreamModel, routeParameters } = served;
  const request = { messages, ...asked };
  const model = { maxCompletionTokens: 100_000, ...(served.reasoning && { reasoning: served.reasoning }) };
  const { reasoning, outputTokensMax } = outputPlan(request, limit ?? LIMIT, model);
  const call: ChatCall = {
    ...{ upstreamModel, request, supportedParameters: supported, reasoning, routeParameters },
    outputTokensMax: limit && outputTokensMax,
  };
  return openAiWire(dialect).body(call, false) as Record<string, unknown>;
}

/** The parameters that go along, without what every body has. */
const sent = (asked: object, supported: readonly string[] = [], served = OPENAI, limit?: number) => {
  const { messages: _messages, model: _model, stream: _stream, ...rest } = bodyOf(asked, supported, served, limit);
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
    expect(sent({ top_k: 3, min_p: 0.1 }, ['top_k', 'min_p'])).toEqual({});
    expect(sent({ top_k: 3, min_p: 0.1 }, ['top_k', 'min_p'], COMPATIBLE)).toEqual({ top_k: 3, min_p: 0.1 });
  });

  test('is never anything else', () => {
    const asked = JSON.parse(
      '{"api_base":"http://evil","base_url":"x","api_key":"x","extra_headers":{},"extra_body":{},"store":true,"metadata":{},"model":"x","stream":true,' +
        '"stream_options":{},"provider":{},"plugins":[],"__proto__":{"a":1},"constructor":1}',
    );
    for (const served of [OPENAI, DEEPSEEK, COMPATIBLE]) {
      expect(sent(asked, Object.keys(asked), served)).toEqual({});
      expect(bodyOf(asked, Object.keys(asked), served, undefined)).toMatchObject({ model: served.upstreamModel, stream: false });
    }
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

  test('has tools without marks for a cache', () => {
    const tool = { type: 'function', function: { name: 'f' } };
    const marked = { ...tool, cache_control: { type: 'ephemeral' } };
    expect(sent({ tools: [marked] }, ['tools'])).toEqual({ tools: [tool] });
  });
});

describe('sampling', () => {
  const asked = { temperature: 0.5, top_p: 0.5, presence_penalty: 1, frequency_penalty: 1, logprobs: true, top_logprobs: 2 };
  const supported = Object.keys(asked);

  test('is not for a model of OpenAI that reasons, whatever the catalogue says: it would be refused', () => {
    expect(sent(asked, supported, O3)).toEqual({});
    expect(sent(asked, supported, GPT)).toEqual({});
  });

  test('is for one that is told not to reason, and for its chat models', () => {
    expect(sent({ ...asked, reasoning_effort: 'none' }, supported, GPT)).toEqual({ ...asked, reasoning_effort: 'none' });
    expect(sent(asked, supported, { ...OPENAI, upstreamModel: 'gpt-5-chat-latest' })).toEqual(asked);
  });

  test('is ignored by DeepSeek while it thinks, but for log probabilities, which it refuses', () => {
    const { logprobs: _logprobs, top_logprobs: _top, ...ignored } = asked;
    expect(sent(asked, supported, DEEPSEEK)).toEqual(ignored);
    const routeParameters = { thinking: { type: 'disabled' } };
    expect(sent(asked, supported, { ...DEEPSEEK, routeParameters })).toEqual(asked);
  });
});

describe('the limit of the answer', () => {
  test.each<[string, object, Served, number | undefined, object]>([
    ['as asked', { max_tokens: 5 }, OPENAI, 5, { max_tokens: 5 }],
    ['as asked', { max_completion_tokens: 5 }, OPENAI, 5, { max_completion_tokens: 5 }],
    ['the smaller of two', { max_tokens: 5, max_completion_tokens: 9 }, OPENAI, 5, { max_completion_tokens: 5 }],
    ['of a reasoning model', { max_tokens: 5 }, O3, 5, { max_completion_tokens: 5 }],
    ['of a reasoning model', { max_tokens: 5 }, GPT, 5, { max_completion_tokens: 5 }],
    ['of a tuned one', {}, { ...O3, upstreamModel: 'ft:o4-mini-2025-04-16:us::x' }, 5, { max_completion_tokens: 5 }],
    ['of DeepSeek', { max_completion_tokens: 5 }, DEEPSEEK, 5, { max_tokens: 5 }],
    ['of a compatible server', { max_completion_tokens: 5 }, COMPATIBLE, 5, { max_tokens: 5 }],
    ['nobody has named', {}, OPENAI, 7, { max_tokens: 7 }],
    ['none', { max_tokens: null }, OPENAI, undefined, {}],
  ])('is passed whatever the model is said to take: %s %j', (_, asked, served, limit, expected) => {
    expect(sent(asked, [], served, limit)).toEqual(expected);
  });
});

describe('reasoning', () => {
  test.each<[object, Served, object]>([
    [{ reasoning: { effort: 'high' } }, O3, { reasoning_effort: 'high' }],
    [{ reasoning_effort: 'low' }, O3, { reasoning_effort: 'low' }],
    [{ reasoning: { effort: 'high' } }, OPENAI, {}],
    [{ thinking: { type: 'enabled', budget_tokens: 2_000 } }, OPENAI, {}],
    [{ reasoning: { enabled: false } }, DEEPSEEK, { thinking: { type: 'disabled' } }],
    [{ reasoning: { enabled: false } }, SWITCHED, { thinking: { type: 'disabled' } }],
    [{ reasoning: { enabled: false } }, GPT, { reasoning_effort: 'none' }],
    [{ reasoning: { enabled: true } }, GPT, { reasoning_effort: 'medium' }],
    [{ reasoning: { enabled: true } }, SWITCHED, { thinking: { type: 'enabled' } }],
    [{ reasoning: { max_tokens: 100 } }, O3, { reasoning_effort: 'low' }],
    [{ reasoning: { max_tokens: LIMIT / 2 } }, O3, { reasoning_effort: 'medium' }],
    [{}, DEEPSEEK, {}],
    [{}, O3, {}],
  ])('%j asked of %j', (asked, served, expected) => {
    expect(sent(asked, [], served)).toEqual(expected);
  });

  test('asked for as a budget of a server that has no word for one is the effort that keeps to it', () => {
    const served = { ...COMPATIBLE, reasoning: { ...optional, supportsMaxTokens: true } };
    const told = { max_tokens: LIMIT, reasoning_effort: 'medium' };
    expect(sent({ reasoning: { max_tokens: 12_000 } }, [], served, LIMIT)).toEqual(told);
  });

  test.each([
    ...[['minimal', 'low'] as const, ['low', 'low'] as const, ['medium', 'high'] as const, ['high', 'high'] as const],
    ...[['xhigh', 'high'] as const, ['max', 'max'] as const],
  ])('%s is what DeepSeek calls %s', (effort, told) => {
    expect(sent({ reasoning: { effort } }, [], DEEPSEEK)).toEqual({ thinking: { type: 'enabled' }, reasoning_effort: told });
  });
});

describe('messages', () => {
  const upstream = (given: object[], served = OPENAI) => bodyOf({ messages: given }, [], served, undefined)['messages'];

  test('that need no edit are passed as they are', () => {
    expect((upstream(messages) as object[])[0]).toBe(messages[0]);
  });

  test("lose what OpenAI refuses, and the caller's own stay as they were", () => {
    const given = [
      { role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } }] },
      { role: 'assistant', content: 'Yes', reasoning: 'hm', reasoning_details: [], images: [], cache_control: {}, x: 1 },
      { role: 'assistant', content: null, refusal: null, tool_calls: [] },
      { role: 'assistant', content: 'No', tool_calls: null },
    ];
    const before = structuredClone(given);
    expect(upstream(given)).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: 'Yes' },
      { role: 'assistant', content: null, refusal: null },
      { role: 'assistant', content: 'No' },
    ]);
    expect(given).toEqual(before);
  });

  test('of the developer are of the system where only OpenAI knows developers', () => {
    const given = [{ role: 'developer', content: 'Be brief.' }];
    expect(upstream(given)).toEqual(given);
    for (const served of [DEEPSEEK, COMPATIBLE]) expect(upstream(given, served)).toEqual([{ ...given[0], role: 'system' }]);
  });

  test("show, tell and attach in OpenAI's own form, which is OpenRouter's", () => {
    const parts = [
      { type: 'text', text: 'See' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA==' } },
    ];
    for (const served of [OPENAI, COMPATIBLE])
      expect(upstream([{ role: 'user', content: parts }], served)).toEqual([{ role: 'user', content: parts }]);
  });

  test.each(['image_url', 'input_audio', 'file', 'video_url'])(
    'with a part that DeepSeek cannot read are refused: %s',
    (type) => {
      const given = [...messages, { role: 'user', content: [{ type: 'text', text: 'See' }, { type }] }];
      expect(() => upstream(given, DEEPSEEK)).toThrow(
        expect.objectContaining({ message: `This model reads text only, not ${type}.`, param: 'messages[1].content[1]' }),
      );
    },
  );
});

describe("DeepSeek's reasoning", () => {
  const asked = { role: 'user', content: 'Hi' };
  const called = { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] };
  const result = { role: 'tool', tool_call_id: 'a', content: '1' };
  const said = { role: 'assistant', content: 'One.' };
  const upstream = (given: object[], changed: Partial<Served> = {}, wish = {}) =>
    bodyOf({ messages: given, ...wish }, [], { ...DEEPSEEK, ...changed }, undefined)['messages'];
  const back = (message: object, reasoning_content: string) => ({ ...message, reasoning_content });

  test('is given back where tools were called, even where there is none', () => {
    const given = [asked, { ...called, reasoning: 'hm' }, result, { ...said, reasoning: 'so' }, asked, called, result, said];
    expect(upstream(given)).toEqual([
      ...[asked, back(called, 'hm'), result, back(said, 'so')],
      ...[asked, back(called, ''), result, back(said, '')],
    ]);
  });

  test.each([
    ['reasoning', { reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }],
    ['reasoning_content', { reasoning_content: 'hm' }],
    [
      'reasoning_details',
      {
        reasoning: null,
        reasoning_details: [
          ...[{ type: 'reasoning.text', text: 'h' }, { type: 'reasoning.encrypted', data: 'x' }, null, 7],
          { type: 'reasoning.text', text: 'm' },
        ],
      },
    ],
  ])('is given back from %s', (_, reasoned) => {
    expect(upstream([{ ...called, ...reasoned }])).toEqual([back(called, 'hm')]);
  });

  test('is not where no tool was called, nor where the model does not think', () => {
    const reasoned = { ...said, reasoning: 'so' };
    expect(upstream([asked, reasoned])).toEqual([asked, said]);
    const given = [asked, { ...called, reasoning: 'hm' }, result, reasoned];
    const bare = [asked, called, result, said];
    expect(upstream(given, {}, { reasoning: { enabled: false } })).toEqual(bare);
    expect(upstream(given, { routeParameters: { thinking: { type: 'disabled' } } })).toEqual(bare);
  });
});
