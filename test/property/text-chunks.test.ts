import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TextChunks } from '../../src/providers/openai/text-chunk.js';

const HEAD = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default",';
const learned = (): TextChunks => {
  const texts = new TextChunks();
  texts.learn(Buffer.from(`${HEAD}"choices":[]}`));
  return texts;
};
const recognised = (tail: string, head = HEAD) => learned().recognise(Buffer.from(head + tail));

describe('chunks of text', () => {
  test('are read without parsing as parsing reads them, whatever the text', () => {
    fc.assert(
      fc.property(fc.nat(127), fc.string({ unit: 'binary' }), fc.boolean(), (index, content, escaped) => {
        const literal = escaped ? JSON.stringify(content).replace(/[^\x20-\x7e]/g, asEscape) : JSON.stringify(content);
        const data = `${HEAD}"choices":[{"index":${index},"delta":{"content":${literal}},"logprobs":null,"finish_reason":null}],"usage":null}`;
        const [choice] = JSON.parse(data).choices;
        const text = learned().recognise(Buffer.from(data));
        expect([text?.index, JSON.parse(text?.content ?? '0')]).toEqual([choice.index, choice.delta.content]);
      }),
    );
  });

  test('are never what is no JSON', () => {
    const tails = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'u', '0', 'n', '\n', 'a') });
    fc.assert(
      fc.property(tails, (inside) => {
        const tail = `"choices":[{"index":0,"delta":{"content":"${inside}"},"finish_reason":null}]}`;
        const text = recognised(tail);
        if (text)
          expect(JSON.parse(HEAD + tail).choices).toEqual([
            { index: 0, delta: { content: JSON.parse(text.content) }, finish_reason: null },
          ]);
      }),
    );
  });

  test.each([
    ['a reason to finish', '"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}'],
    ['a role', '"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}'],
    ['a tool call', '"choices":[{"index":0,"delta":{"tool_calls":[]},"finish_reason":null}]}'],
    ['usage', '"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":{"prompt_tokens":1}}'],
    ['an error', '"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"error":{"code":1}}'],
    [
      'two choices',
      '"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null},{"index":1,"delta":{},"finish_reason":null}]}',
    ],
  ])('with %s are parsed', (_, tail) => {
    expect(recognised(tail)).toBeUndefined();
  });

  test('with another head are parsed, and so is everything before a first chunk', () => {
    const tail = '"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}';
    expect(recognised(tail)).toEqual({ index: 0, content: '"a"' });
    expect(recognised(tail, HEAD.replace('default', 'changed'))).toBeUndefined();
    expect(new TextChunks().recognise(Buffer.from(HEAD + tail))).toBeUndefined();
  });

  test('a head that is the inside of another member is not learned', () => {
    const texts = new TextChunks();
    texts.learn(Buffer.from('{"nested":{"choices":[]},"choices":[]}'));
    expect(
      texts.recognise(Buffer.from('{"nested":{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}')),
    ).toBeUndefined();
  });
});

const asEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
