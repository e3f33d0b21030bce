import { describe, expect, test } from '@jest/globals';
import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import type { ChatMessage } from '../../src/providers/provider.js';
import type { ReasoningPlan } from '../../src/providers/reasoning.js';
import { bodyOf, call, choicesOf, event, read } from '../support/gemini-outlet.js';

const plan = (more: Partial<ReasoningPlan>): ReasoningPlan => ({ control: 'budget', enabled: true, exclude: false, ...more });
const thinking = (more: Partial<ReasoningPlan>, upstreamModel = 'gemini-2.5-flash') =>
  bodyOf({}, { reasoning: plan(more), upstreamModel }).generationConfig?.['thinkingConfig'];

describe('thinking is told by one word, inside the generation config', () => {
  test.each<[string, Partial<ReasoningPlan>, string, object]>([
    ['a budget', { budgetTokens: 2_000 }, 'gemini-2.5-flash', { includeThoughts: true, thinkingBudget: 2_000 }],
    [
      'a budget within what flash takes',
      { budgetTokens: 99_999 },
      'gemini-2.5-flash',
      { includeThoughts: true, thinkingBudget: 24_576 },
    ],
    [
      'a budget within what pro takes',
      { budgetTokens: 99_999 },
      'gemini-2.5-pro',
      { includeThoughts: true, thinkingBudget: 32_768 },
    ],
    ['no budget', {}, 'gemini-2.5-flash', { includeThoughts: true }],
    ['none at all', { enabled: false }, 'gemini-2.5-flash', { thinkingBudget: 0 }],
    [
      'out of sight',
      { exclude: true, budgetTokens: 2_000 },
      'gemini-2.5-flash',
      { includeThoughts: false, thinkingBudget: 2_000 },
    ],
    ['a level', { control: 'level', effort: 'medium' }, 'gemini-3-flash', { includeThoughts: true, thinkingLevel: 'MEDIUM' }],
    [
      'the highest level',
      { control: 'level', effort: 'xhigh' },
      'gemini-3-flash',
      { includeThoughts: true, thinkingLevel: 'HIGH' },
    ],
    [
      'the lowest level',
      { control: 'level', effort: 'minimal' },
      'gemini-3-flash',
      { includeThoughts: true, thinkingLevel: 'MINIMAL' },
    ],
    [
      'the lowest that pro has',
      { control: 'level', effort: 'minimal' },
      'gemini-3-pro',
      { includeThoughts: true, thinkingLevel: 'LOW' },
    ],
    ['no level', { control: 'level' }, 'gemini-3-pro', { includeThoughts: true }],
    [
      'the least, for a level that cannot be none',
      { control: 'level', enabled: false },
      'gemini-3-flash',
      { thinkingLevel: 'MINIMAL' },
    ],
    [
      'a level and never its budget',
      { control: 'level', effort: 'low', budgetTokens: 9 },
      'gemini-3-pro',
      { includeThoughts: true, thinkingLevel: 'LOW' },
    ],
  ])('%s', (_, reasoning, model, config) => {
    expect(thinking(reasoning, model)).toEqual(config);
  });

  test('nothing, where nothing is to be said', () => {
    expect(bodyOf()).toEqual({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] });
  });
});

test('thoughts eat the limit on the output: an empty answer of a length, which costs', () => {
  const usageMetadata = { promptTokenCount: 5, thoughtsTokenCount: 47, totalTokenCount: 52 };
  const eaten = geminiWire.completion(event([], { finishReason: 'MAX_TOKENS' }, { usageMetadata }), call());
  expect(eaten?.completion['choices']).toMatchObject([{ message: { content: '' }, finish_reason: 'length' }]);
  expect(eaten?.usage).toEqual({ usage: { input_uncached: 5, output_visible: 0, output_reasoning: 47 }, anomalies: [] });
  expect(bodyOf({}, { outputTokensMax: 50 }).generationConfig).toEqual({ maxOutputTokens: 50 });
});

describe('signatures come back on the parts that they came on', () => {
  const said = (reasoning_details: object[], more: object = {}): ChatMessage[] => [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: null, reasoning: 'never sent', reasoning_details, ...more },
  ];
  const tool_calls = [
    { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
    { id: 'b', type: 'function', function: { name: 'g', arguments: '' } },
  ];
  const encrypted = (data: string, id?: string) => ({
    type: 'reasoning.encrypted',
    format: 'google-gemini-v1',
    data,
    ...(id && { id }),
  });
  const partsOf = (messages: ChatMessage[], upstreamModel = 'gemini-3-pro') =>
    bodyOf({ messages }, { upstreamModel }).contents[1]?.parts;

  test('of calls, by the id of the call', () => {
    const text = { type: 'reasoning.text', text: 'hm', format: 'google-gemini-v1', index: 0 };
    expect(partsOf(said([text, encrypted('S1', 'a'), encrypted('S2', 'b')], { tool_calls }))).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'S1' },
      { functionCall: { id: 'b', name: 'g', args: {} }, thoughtSignature: 'S2' },
    ]);
  });

  test('of text, the last one on it and those before in parts of their own', () => {
    expect(partsOf(said([encrypted('S1'), encrypted('S2')], { content: 'Hello' }))).toEqual([
      { text: '', thoughtSignature: 'S1' },
      { text: 'Hello', thoughtSignature: 'S2' },
    ]);
  });

  test('of another provider, not at all', () => {
    const foreign = { type: 'reasoning.encrypted', format: 'anthropic-claude-v1', data: 'S1', id: 'a' };
    expect(JSON.stringify(partsOf(said([foreign], { tool_calls }), 'gemini-2.5-pro'))).not.toContain('S1');
  });

  test.each(['gemini-3-pro', 'gemini-3.1-flash-lite', 'gemini-10'])('%s is told where there is none', (model) => {
    expect(partsOf(said([], { tool_calls }), model)?.map((part) => part['thoughtSignature'])).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ]);
  });

  test('gemini-2.5-pro asks for none', () => {
    expect(partsOf(said([], { tool_calls }), 'gemini-2.5-pro')?.some((part) => 'thoughtSignature' in part)).toBe(false);
  });

  test('a thought is a part like any other, and becomes reasoning', () => {
    const told = read(
      event([{ text: 'I ', thought: true }]),
      event([{ text: 'think', thought: true, thoughtSignature: 'S0' }]),
      event([{ text: 'Hello' }]),
      event([{ text: '', thoughtSignature: 'S1' }]),
      event([{ functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: 'S2' }], { finishReason: 'STOP' }),
    );
    const format = 'google-gemini-v1';
    expect(choicesOf(told).flatMap(({ delta }) => delta['reasoning_details'] ?? [])).toEqual([
      { type: 'reasoning.text', text: 'I ', format, index: 0 },
      { type: 'reasoning.text', text: 'think', format, index: 0 },
      { type: 'reasoning.encrypted', data: 'S0', format, index: 1 },
      { type: 'reasoning.encrypted', data: 'S1', format, index: 2 },
      { type: 'reasoning.encrypted', data: 'S2', format, id: 'a', index: 3 },
    ]);
    expect(
      choicesOf(told)
        .map(({ delta }) => delta['reasoning'] ?? '')
        .join(''),
    ).toBe('I think');
    expect(
      choicesOf(told)
        .map(({ delta }) => delta['content'] ?? '')
        .join(''),
    ).toBe('Hello');
  });
});

describe('a stream has no last event', () => {
  const usage = (candidatesTokenCount: number) => ({
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount, totalTokenCount: 3 + candidatesTokenCount },
  });

  test('its figures are cumulative: the last ones count, also those of text that was not parsed', () => {
    const told = read(event([{ text: 'a' }], {}, usage(1)), event([{ text: 'b' }], {}, usage(2)));
    expect([told.texts, told.reported]).toEqual([1, { usage: { input_uncached: 3, output_visible: 2 }, anomalies: [] }]);
    const more = read(event([{ text: 'a' }], {}, usage(1)), event([{ text: 'b' }], { finishReason: 'STOP' }, usage(7)));
    expect(more.reported?.usage).toEqual({ input_uncached: 3, output_visible: 7 });
  });

  test('text that has come but is not counted yet is left to be estimated, also where it was not parsed', () => {
    const uncounted = { usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 } };
    const told = read(event([{ text: '' }], {}, uncounted), event([{ text: 'a' }], {}, uncounted));
    expect([told.texts, told.reported]).toEqual([
      1,
      { usage: { input_uncached: 3 }, anomalies: ['candidatesTokenCount:missing'] },
    ]);
  });

  test('it is whole with a reason to finish, and not without', () => {
    expect(read(event([{ text: 'a' }], { finishReason: 'STOP' })).complete).toBe(true);
    expect(read(event([{ text: 'a' }])).complete).toBe(false);
    expect(read().complete).toBe(false);
    const two = { candidates: [{ index: 0, finishReason: 'STOP' }, { index: 1 }] };
    expect(read(two).complete).toBe(false);
    expect(choicesOf(read(two)).some(({ finish_reason }) => finish_reason)).toBe(false);
  });

  test('a reason on every event is told once, at the end', () => {
    const told = read(event([{ text: 'a' }], { finishReason: 'STOP' }), event([{ text: 'b' }], { finishReason: 'STOP' }));
    expect(choicesOf(told).map(({ finish_reason }) => finish_reason)).toEqual([null, null, 'stop']);
  });
});

describe('a function is called', () => {
  const calls = [{ functionCall: { name: 'f', args: { x: 'ü' } } }, { functionCall: { name: 'f' } }];

  test('without an id, which is made unlike any other; in whole; and ends with STOP', () => {
    const told = read(event(calls, { finishReason: 'STOP' }));
    expect(choicesOf(told)).toMatchObject([
      {
        delta: {
          tool_calls: [
            { index: 0, id: 'call_abc-D_1_0', type: 'function', function: { name: 'f', arguments: '{"x":"ü"}' } },
            { index: 1, id: 'call_abc-D_1_1', type: 'function', function: { name: 'f', arguments: '{}' } },
          ],
        },
      },
      { finish_reason: 'tool_calls', native_finish_reason: 'STOP' },
    ]);
  });

  test('with an id, which stays unless another call has it', () => {
    const twins = [{ functionCall: { id: 'x', name: 'f' } }, { functionCall: { id: 'x', name: 'f' } }];
    const [{ delta }] = choicesOf(read(event(twins))) as unknown as [{ delta: { tool_calls: { id: string }[] } }];
    expect(delta.tool_calls.map(({ id }) => id)).toEqual(['x', 'call_abc-D_1_1']);
  });

  test('in an answer without an id of its own, all the same', () => {
    const [first, second] = [0, 1].map(() => JSON.stringify(choicesOf(read({ candidates: event(calls).candidates }))));
    expect(first).not.toBe(second);
  });

  test('after the STOP of an earlier event', () => {
    const told = read(event([{ text: 'a' }], { finishReason: 'STOP' }), event(calls));
    expect(choicesOf(told).at(-1)?.finish_reason).toBe('tool_calls');
  });
});

describe('an answer finishes', () => {
  test.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['CONTINUATION', 'length'],
    ['SAFETY', 'content_filter'],
    ['RECITATION', 'content_filter'],
    ['BLOCKLIST', 'content_filter'],
    ['PROHIBITED_CONTENT', 'content_filter'],
    ['SPII', 'content_filter'],
    ['IMAGE_SAFETY', 'content_filter'],
    ['IMAGE_PROHIBITED_CONTENT', 'content_filter'],
    ['MALFORMED_FUNCTION_CALL', 'error'],
    ['UNEXPECTED_TOOL_CALL', 'error'],
    ['TOO_MANY_TOOL_CALLS', 'error'],
    ['OTHER', 'error'],
    ['LANGUAGE', 'error'],
    ['toString', 'error'],
  ])('with %s as %s', (finishReason, finish_reason) => {
    const told = read(event([{ text: 'a' }], { finishReason }));
    expect(choicesOf(told).at(-1)).toMatchObject({ finish_reason, native_finish_reason: finishReason });
    const answer = geminiWire.completion(event([{ text: 'a' }], { finishReason }), call());
    expect(answer?.completion['choices']).toMatchObject([{ finish_reason, native_finish_reason: finishReason }]);
  });

  test.each(['SAFETY', 'OTHER'])('before it began, where the prompt was blocked for %s', (blockReason) => {
    const blocked = { promptFeedback: { blockReason }, usageMetadata: { promptTokenCount: 4, totalTokenCount: 4 } };
    const choice = { finish_reason: 'content_filter', native_finish_reason: blockReason };
    const told = read(blocked);
    expect(choicesOf(told).at(-1)).toMatchObject(choice);
    expect([told.complete, told.reported?.usage]).toEqual([true, { input_uncached: 4, output_visible: 0 }]);
    const answer = geminiWire.completion(blocked, call());
    expect(answer?.completion['choices']).toMatchObject([{ ...choice, message: { role: 'assistant', content: '' } }]);
  });
});

test('leaving does not stop the billing: a stream is read to its end', () => {
  expect(geminiWire.stopsBillingOnAbort).toBe(false);
});
