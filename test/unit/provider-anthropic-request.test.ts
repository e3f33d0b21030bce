import { describe, expect, test } from '@jest/globals';
import { anthropicWire } from '../../src/providers/anthropic/anthropic-wire.js';
import type { ChatCall } from '../../src/providers/provider.js';
import type { ReasoningPlan } from '../../src/providers/reasoning.js';
import { type MessagesRequest, refusalOf, signatureOf } from '../support/fake-anthropic-rules.js';

const SUPPORTED = [
  ...['max_tokens', 'temperature', 'top_p', 'top_k', 'stop', 'tools', 'tool_choice', 'parallel_tool_calls', 'response_format'],
  'reasoning',
];

type Asked = Readonly<Record<string, unknown>>;

/** The body, which the strict fake has nothing against. */
function body(asked: Asked, more: Partial<ChatCall> = {}): MessagesRequest {
  const sent = anthropicWire.body(callOf(asked, more), false) as MessagesRequest;
  expect(refusalOf(JSON.parse(JSON.stringify(sent)))).toBeUndefined();
  return sent;
}

const callOf = (asked: Asked, more: Partial<ChatCall> = {}): ChatCall => ({
  upstreamModel: 'claude-sonnet-4',
  request: { messages: [{ role: 'user', content: 'Hi' }], ...asked },
  supportedParameters: SUPPORTED,
  outputTokensMax: 4_096,
  reasoning: undefined,
  ...more,
});

const plan = (members: Partial<ReasoningPlan>): ReasoningPlan => ({
  control: 'budget',
  enabled: true,
  exclude: false,
  ...members,
});
const BUDGET = { reasoning: plan({ budgetTokens: 2_048 }) };
const ADAPTIVE = { upstreamModel: 'claude-opus-4-7', supportedParameters: ['tools', 'tool_choice', 'structured_outputs'] };

describe('the request', () => {
  test('goes out with key and version, and by allow-list', () => {
    expect(anthropicWire.headers('sk-ant-1')).toEqual(['x-api-key', 'sk-ant-1', 'anthropic-version', '2023-06-01']);
    expect(anthropicWire.path({ upstreamModel: 'm' }, true)).toBe('/v1/messages');
    expect(anthropicWire.needsOutputLimit).toBe(true);
    const strangers = { api_base: 'http://evil', n: 2, seed: 1, logprobs: true, frequency_penalty: 1, logit_bias: {}, min_p: 1 };
    const more = { service_tier: 'priority', speed: 'fast', inference_geo: 'us', metadata: { a: 'b' }, models: ['x'] };
    expect(body({ ...strangers, ...more })).toEqual({
      model: 'claude-sonnet-4',
      max_tokens: 4_096,
      service_tier: 'standard_only',
      stream: false,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    });
  });

  test('max_tokens is always sent, and always the limit that was reserved for', () => {
    expect(body({ max_tokens: 9, max_completion_tokens: 8 }, { outputTokensMax: 77 }).max_tokens).toBe(77);
    expect(() => anthropicWire.body(callOf({}, { outputTokensMax: undefined }), false)).toThrow();
  });

  test('the system is one text, or blocks where a prefix is cached', () => {
    const cache_control = { type: 'ephemeral' };
    const messages = (more: object) => [
      { role: 'system', content: [{ type: 'text', text: 'A', ...more }] },
      { role: 'developer', content: 'B' },
      { role: 'user', content: 'Hi' },
    ];
    expect(body({ messages: messages({}) }).system).toBe('A\n\nB');
    expect(body({ messages: messages({ cache_control }) }).system).toEqual([
      { type: 'text', text: 'A', cache_control },
      { type: 'text', text: 'B' },
    ]);
    expect(body({ cache_control: { type: 'ephemeral', ttl: '1h' } })['cache_control']).toEqual({ type: 'ephemeral', ttl: '1h' });
  });

  test('a user is told as nothing but an id', () => {
    const user_id = body({ user: 'someone@example.org' }).metadata?.user_id;
    expect(user_id).toMatch(/^[0-9a-f]{64}$/);
    expect(body({ user: 'someone@example.org' }).metadata?.user_id).toBe(user_id);
    expect(body({ user: 'another@example.org' }).metadata?.user_id).not.toBe(user_id);
  });

  test.each<[Asked, Asked]>([
    [{ temperature: 1.7 }, { temperature: 1 }],
    [{ temperature: 0 }, { temperature: 0 }],
    [
      { top_p: 0.3, top_k: 5 },
      { top_p: 0.3, top_k: 5 },
    ],
    [{ temperature: 0.4, top_p: 0.3 }, { temperature: 0.4 }],
    [{ temperature: 1, top_p: 0.3 }, { top_p: 0.3 }],
    [{ temperature: 1, top_p: 1 }, { temperature: 1 }],
    [{ stop: 'END' }, { stop_sequences: ['END'] }],
    [{ stop: ['a', '\n', ' ', ''] }, { stop_sequences: ['a'] }],
    [{ stop: '\n\n' }, {}],
    [{ stop: null, temperature: null }, {}],
  ])('%j is %j', (asked, sent) => {
    const { model, max_tokens, service_tier, stream, messages, ...rest } = body(asked, { upstreamModel: 'claude-opus-4-1' });
    expect(rest).toEqual(sent);
  });

  test('what a model does not take is not sent', () => {
    const asked = { temperature: 0.5, top_p: 0.5, top_k: 5, stop: 'x', tools: [{ type: 'function', function: { name: 'f' } }] };
    const sent = body({ ...asked, response_format: { type: 'json_object' } }, { supportedParameters: [] });
    expect(Object.keys(sent)).toEqual(['model', 'max_tokens', 'service_tier', 'stream', 'messages']);
  });
});

describe('tools', () => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } } };
  const tools = [
    { type: 'function', function: { name: 'f', description: 'F.', parameters, strict: true } },
    { type: 'function', function: { name: 'g' }, cache_control: { type: 'ephemeral' } },
  ];

  test('have an input_schema', () => {
    expect(body({ tools }).tools).toEqual([
      { name: 'f', description: 'F.', input_schema: parameters },
      { name: 'g', input_schema: { type: 'object', properties: {} }, cache_control: { type: 'ephemeral' } },
    ]);
  });

  test.each<[Asked, unknown]>([
    [{}, undefined],
    [{ tool_choice: 'auto' }, { type: 'auto' }],
    [{ tool_choice: 'required' }, { type: 'any' }],
    [{ tool_choice: 'none' }, { type: 'none' }],
    [{ tool_choice: { type: 'function', function: { name: 'f' } } }, { type: 'tool', name: 'f' }],
    [{ parallel_tool_calls: true }, undefined],
    [{ parallel_tool_calls: false }, { type: 'auto', disable_parallel_tool_use: true }],
    [
      { tool_choice: 'required', parallel_tool_calls: false },
      { type: 'any', disable_parallel_tool_use: true },
    ],
    [{ tool_choice: 'none', parallel_tool_calls: false }, { type: 'none' }],
  ])('choice %j is %j', (asked, choice) => {
    expect(body({ tools, ...asked }).tool_choice).toEqual(choice);
  });

  test('no choice without tools', () => {
    expect(body({ tool_choice: 'required', parallel_tool_calls: false, tools: [] })).not.toHaveProperty('tool_choice');
  });

  test.each<[Asked, string]>([
    [{ tools: [tools[0], { type: 'openrouter:web_search' }] }, 'tools[1].type'],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
    [{ tools, tool_choice: 'perhaps' }, 'tool_choice'],
    [{ response_format: { type: 'grammar', grammar: 'x' } }, 'response_format.type'],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema'],
  ])('%j cannot be said', (asked, param) => {
    expect(() => anthropicWire.body(callOf(asked), false)).toThrow(expect.objectContaining({ param }));
  });

  test('a forced choice conflicts with thinking: the model chooses', () => {
    for (const tool_choice of ['required', { type: 'function', function: { name: 'f' } }]) {
      expect(body({ tools, tool_choice }, BUDGET).tool_choice).toEqual({ type: 'auto' });
      expect(body({ tools, tool_choice, parallel_tool_calls: false }, BUDGET).tool_choice).toEqual({
        ...{ type: 'auto', disable_parallel_tool_use: true },
      });
      const adaptive = plan({ control: 'adaptive' });
      expect(body({ tools, tool_choice }, { ...ADAPTIVE, reasoning: adaptive }).tool_choice).toEqual({ type: 'auto' });
    }
    expect(body({ tools, tool_choice: 'none' }, BUDGET).tool_choice).toEqual({ type: 'none' });
    expect(body({ tools, tool_choice: 'required' }, { reasoning: plan({ enabled: false }) }).tool_choice).toEqual({
      type: 'any',
    });
  });
});

describe('thinking', () => {
  test('nothing is said where nothing is planned', () => {
    expect(body({})).not.toHaveProperty('thinking');
    expect(body({}, { reasoning: plan({}) })).not.toHaveProperty('thinking');
  });

  test('by a budget, of at least 1024 and less than max_tokens', () => {
    const thinking = (budgetTokens: number, outputTokensMax: number) =>
      body({}, { reasoning: plan({ budgetTokens }), outputTokensMax }).thinking;
    expect(thinking(2_048, 4_096)).toEqual({ type: 'enabled', budget_tokens: 2_048 });
    expect(thinking(4_096, 4_096)).toEqual({ type: 'enabled', budget_tokens: 4_095 });
    expect(thinking(1_024, 1_025)).toEqual({ type: 'enabled', budget_tokens: 1_024 });
    expect(thinking(1_024, 1_024)).toBeUndefined();
    expect(thinking(1_000, 4_096)).toBeUndefined();
  });

  test('adaptively with an effort, for models that refuse a budget', () => {
    const sent = (members: Partial<ReasoningPlan>) => {
      const reasoning = plan({ control: 'adaptive', ...members });
      const { thinking, output_config } = body({}, { ...ADAPTIVE, reasoning });
      return { thinking, output_config };
    };
    const thinking = { type: 'adaptive', display: 'summarized' };
    expect(sent({})).toEqual({ thinking, output_config: undefined });
    expect(sent({ effort: 'xhigh' })).toEqual({ thinking, output_config: { effort: 'xhigh' } });
    expect(sent({ effort: 'minimal' })).toEqual({ thinking, output_config: { effort: 'low' } });
    expect(sent({ budgetTokens: 5_000 })).toEqual({ thinking, output_config: undefined });
  });

  test('off is told, and never together with an effort', () => {
    const off = plan({ control: 'adaptive', enabled: false, effort: 'max' });
    expect(body({}, { ...ADAPTIVE, reasoning: off })).toMatchObject({ thinking: { type: 'disabled' } });
    expect(body({}, { ...ADAPTIVE, reasoning: off })).not.toHaveProperty('output_config');
  });

  test('takes no temperature and no top_k, and top_p only from 0.95', () => {
    const asked = { temperature: 0.5, top_k: 5 };
    const sampling = (more: Asked) => {
      const { temperature, top_p, top_k } = body({ ...asked, ...more }, BUDGET);
      return { temperature, top_p, top_k };
    };
    const none = { temperature: undefined, top_p: undefined, top_k: undefined };
    expect(sampling({})).toEqual(none);
    expect(sampling({ top_p: 0.9 })).toEqual(none);
    expect(sampling({ top_p: 0.95 })).toEqual({ ...none, top_p: 0.95 });
  });

  test('with a budget is left off in a tool loop whose thinking was not given back', () => {
    const loop = (reasoning_details: unknown) => [
      { role: 'user', content: 'a' },
      {
        role: 'assistant',
        reasoning_details,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'x' },
    ];
    const whole = [{ type: 'reasoning.text', text: 'hm', signature: signatureOf('hm'), format: 'anthropic-claude-v1', index: 0 }];
    const tools = [{ type: 'function', function: { name: 'f' } }];
    expect(body({ messages: loop(whole), tools }, BUDGET).thinking).toMatchObject({ type: 'enabled' });
    const lost = body({ messages: loop(undefined), tools, tool_choice: 'required', temperature: 0.5 }, BUDGET);
    expect(lost).not.toHaveProperty('thinking');
    expect(lost).toMatchObject({ temperature: 0.5, tool_choice: { type: 'any' } });
    // A loop that is over asks for nothing.
    const after = [...loop(undefined), { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }];
    expect(body({ messages: after, tools }, BUDGET).thinking).toMatchObject({ type: 'enabled' });
  });
});

describe('an answer as JSON', () => {
  const schema = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'], additionalProperties: false };
  const response_format = { type: 'json_schema', json_schema: { name: 'x', schema, strict: true, description: 'An a.' } };
  const tools = [{ type: 'function', function: { name: 'f' } }];

  test('by its schema, where the model has structured outputs', () => {
    const reasoning = plan({ control: 'adaptive', effort: 'high' });
    const sent = body({ response_format, tools }, { ...ADAPTIVE, reasoning });
    expect(sent.output_config).toEqual({ effort: 'high', format: { type: 'json_schema', schema } });
    expect(sent.tools).toHaveLength(1);
  });

  test('by a schema whose objects are closed, which Anthropic demands, and none that is a property of that name', () => {
    const open = {
      type: 'object',
      properties: { type: { type: 'object', properties: {} }, list: { type: 'array', items: { anyOf: [{ type: 'object' }] } } },
      $defs: { d: { type: 'object', additionalProperties: { type: 'string' } } },
    };
    const { output_config } = body({ response_format: { type: 'json_schema', json_schema: { schema: open } } }, ADAPTIVE);
    const additionalProperties = false;
    expect(output_config?.format?.schema).toEqual({
      type: 'object',
      properties: {
        type: { type: 'object', properties: {}, additionalProperties },
        list: { type: 'array', items: { anyOf: [{ type: 'object', additionalProperties }] } },
      },
      $defs: open.$defs,
      additionalProperties,
    });
  });

  test('by a tool whose input it is, where the model has none', () => {
    const sent = body({ response_format, tool_choice: 'none' });
    expect(sent.tools).toEqual([{ name: 'json', description: 'An a.', input_schema: schema }]);
    expect(sent.tool_choice).toEqual({ type: 'tool', name: 'json', disable_parallel_tool_use: true });
    expect(sent).not.toHaveProperty('output_config');
  });

  test.each<[string, Asked, Partial<ChatCall>]>([
    ['a model that thinks', { response_format }, BUDGET],
    ["tools of the caller's own", { response_format, tools }, {}],
    ['a schema of no object', { response_format: { type: 'json_schema', json_schema: { schema: { type: 'array' } } } }, {}],
  ])('in words, for %s', (_, asked, more) => {
    const sent = body(
      {
        ...asked,
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: 'Hi' },
        ],
      },
      more,
    );
    expect(sent.system).toMatch(/^S\n\n.*JSON schema: \{"type":/s);
    expect(sent.tools?.some(({ name }) => name === 'json') ?? false).toBe(false);
  });

  test('of no schema, in words', () => {
    expect(body({ response_format: { type: 'json_object' } }).system).toMatch(/JSON object/);
    expect(body({ response_format: { type: 'text' } })).not.toHaveProperty('system');
  });
});
