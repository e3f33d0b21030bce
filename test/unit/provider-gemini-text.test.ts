import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TextEvents } from '../../src/providers/gemini/text-event.js';
import { printed } from '../support/gemini-answer.js';
import { choicesOf, event, read } from '../support/gemini-outlet.js';

const ANSWER = { modelVersion: 'gemini-2.5-flash', responseId: 'abc-D_1' };
const learned = () => {
  const texts = new TextEvents();
  texts.learn(ANSWER);
  return texts;
};
const usage = (candidatesTokenCount: number, promptTokenCount = 9) => ({
  usageMetadata: {
    ...{ promptTokenCount, candidatesTokenCount, totalTokenCount: promptTokenCount + candidatesTokenCount },
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: promptTokenCount }],
    thoughtsTokenCount: 3,
  },
});

describe('events of text', () => {
  test('are read without parsing as parsing reads them, whatever the text and the figures', () => {
    const pieces = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.nat(2 ** 31), fc.nat(3), fc.boolean(), fc.boolean()));
    fc.assert(
      fc.property(pieces, (some) => {
        const texts = learned();
        for (const [text, candidates, prompt, isSpaced, escaped] of some) {
          const told = event([{ text }], {}, usage(candidates, prompt));
          const json = isSpaced ? printed(told) : JSON.stringify(told);
          const data = escaped
            ? json.replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
            : json;
          const found = texts.recognise(Buffer.from(data));
          const parsed = JSON.parse(Buffer.from(data).toString());
          expect(JSON.parse(found?.content ?? '0')).toBe(parsed.candidates[0].content.parts[0].text);
          expect(JSON.parse(found?.usage?.() ?? '0')).toEqual(parsed.usageMetadata);
        }
      }),
    );
  });

  test('are never what is no JSON, and never anything but text', () => {
    const texts = learned();
    const plain = printed(event([{ text: 'a' }], {}, usage(12)));
    texts.recognise(Buffer.from(plain));
    const edit = fc.tuple(
      fc.nat(plain.length),
      fc.nat(4),
      fc.string({ unit: fc.constantFrom(...'"\\{}[],: 0129eE.-un\nab'), maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const data = edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), plain);
        const found = texts.recognise(Buffer.from(data));
        if (found === undefined) return;
        const { candidates, usageMetadata, ...rest } = JSON.parse(data);
        const { index = 0, content, ...more } = candidates[0];
        expect([rest, candidates.length, index, more]).toEqual([ANSWER, 1, 0, {}]);
        expect(content).toEqual({ ...content, parts: [{ text: JSON.parse(found.content) }] });
        expect(found.usage && JSON.parse(found.usage())).toEqual(usageMetadata);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each<[string, object]>([
    ['a thought', event([{ text: 'a', thought: true }])],
    ['a signature', event([{ text: 'a', thoughtSignature: 'S' }])],
    ['two parts', event([{ text: 'a' }, { text: 'b' }])],
    ['a reason to finish', event([{ text: 'a' }], { finishReason: 'STOP' })],
    ['logprobs', event([{ text: 'a' }], { logprobsResult: {} })],
    ['another candidate', { ...event([]), candidates: [{ content: { parts: [{ text: 'a' }], role: 'model' }, index: 1 }] }],
    ['another answer', { ...event([{ text: 'a' }]), responseId: 'other' }],
    ['another model', { ...event([{ text: 'a' }]), modelVersion: 'other' }],
    ['feedback', event([{ text: 'a' }], {}, { promptFeedback: {} })],
    ['an error', event([{ text: 'a' }], {}, { error: {} })],
  ])('with %s are parsed', (_, told) => {
    const texts = learned();
    expect(texts.recognise(Buffer.from(printed(event([{ text: 'a' }]))))?.content).toBe('"a"');
    expect(texts.recognise(Buffer.from(printed(told)))).toBeUndefined();
  });

  test.each(['012', '', '12345678901', '1.5', '-1', '1e3'])('with %j for a figure are no such', (figure) => {
    const texts = learned();
    const plain = printed(event([{ text: 'a' }], {}, usage(12)));
    expect(texts.recognise(Buffer.from(plain))).toBeDefined();
    const changed = plain.replace('"candidatesTokenCount": 12', `"candidatesTokenCount": ${figure}`);
    expect(texts.recognise(Buffer.from(changed))).toBeUndefined();
  });

  test('before any that was parsed are parsed, so that the first has its role', () => {
    const told = read(event([{ text: 'a' }]), event([{ text: 'b' }]), event([{ text: 'ü\n"' }]));
    expect(told.texts).toBe(2);
    expect(choicesOf(told).map(({ delta }) => delta)).toEqual([
      { role: 'assistant', content: 'a' },
      { content: 'b' },
      { content: 'ü\n"' },
    ]);
  });

  test('with figures that other words name are read by them', () => {
    const counted = (tokenCount: number) => ({
      usageMetadata: {
        promptTokenCount: 9,
        candidatesTokensDetails: [{ modality: 'TEXT', tokenCount }],
        trafficType: 'ON_DEMAND',
      },
    });
    const texts = learned();
    const found = [1, 2, 3].map((count) => texts.recognise(Buffer.from(printed(event([{ text: 'a' }], {}, counted(count))))));
    expect(found.map((each) => JSON.parse(each?.usage?.() ?? '0'))).toEqual(
      [1, 2, 3].map((count) => counted(count).usageMetadata),
    );
  });
});
