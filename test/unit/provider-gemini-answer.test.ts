import { describe, expect, test } from '@jest/globals';
import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import { call, choicesOf, event, read } from '../support/gemini-outlet.js';

const choicesAtOnce = (answer: object) => geminiWire.completion(answer as Record<string, unknown>, call())?.completion['choices'];

describe('an answer', () => {
  test('with everything in it has its canonical form', () => {
    const parts = [
      { text: 'I ', thought: true },
      { text: 'think', thought: true },
      { text: 'Hello ' },
      { text: 'you', thoughtSignature: 'S1' },
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
      { functionCall: { id: 'x', name: 'f', args: { a: 1 } }, thoughtSignature: 'S2' },
      { unknown: 1 },
      null,
    ];
    const format = 'google-gemini-v1';
    expect(choicesAtOnce(event(parts as object[], { finishReason: 'STOP' }))).toEqual([
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Hello you',
          refusal: null,
          reasoning: 'I think',
          reasoning_details: [
            { type: 'reasoning.text', text: 'I think', format, index: 0 },
            { type: 'reasoning.encrypted', data: 'S1', format, index: 1 },
            { type: 'reasoning.encrypted', data: 'S2', format, id: 'x', index: 2 },
          ],
          images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' }, index: 0 }],
          tool_calls: [{ id: 'x', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
        native_finish_reason: 'STOP',
      },
    ]);
  });

  test('with calls alone has no content', () => {
    expect(choicesAtOnce(event([{ functionCall: { name: 'f' } }]))).toMatchObject([{ message: { content: null } }]);
  });

  test("has logprobs in OpenAI's form", () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'Zü', tokenId: 1, logProbability: -0.5 }, { token: 'x' }],
      topCandidates: [{ candidates: [{ token: 'a', logProbability: -1 }] }],
    };
    const logprobs = {
      content: [
        { token: 'Zü', logprob: -0.5, bytes: [90, 195, 188], top_logprobs: [{ token: 'a', logprob: -1, bytes: [97] }] },
        { token: 'x', logprob: 0, bytes: [120], top_logprobs: [] },
      ],
      refusal: null,
    };
    expect(choicesAtOnce(event([{ text: 'Züx' }], { logprobsResult }))).toMatchObject([{ logprobs }]);
    expect(choicesOf(read(event([{ text: 'Züx' }], { logprobsResult })))).toMatchObject([{ logprobs }]);
  });

  test.each([{}, { candidates: [] }, { candidates: 'x' }, { usageMetadata: {} }, { candidates: [], promptFeedback: {} }])(
    'is not %j',
    (answer) => {
      expect(geminiWire.completion(answer, call())).toBeUndefined();
    },
  );
});

describe('an event', () => {
  test.each(['{}', '[]', '7', '{"candidates":', '"x"', '{"choices":[]}'])('is not %s', (data) => {
    expect(read(data).failure).toBe('sent an event that is no part of an answer');
  });

  test('of figures alone adds no chunk', () => {
    const told = read({ usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 3 } });
    expect([told.chunks, told.reported?.usage]).toEqual([[], { input_uncached: 1, output_visible: 2 }]);
  });

  test('of an error fails the stream', () => {
    expect(read({ error: { code: 503 } }).failure).toEqual({ error: { code: 503 } });
  });

  test('names the answer and its model', () => {
    expect(read(event([{ text: 'a' }])).chunks[0]).toMatchObject({ id: 'abc-D_1', model: 'gemini-2.5-flash' });
  });
});
