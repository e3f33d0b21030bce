import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { textDelta } from '../../src/providers/anthropic/text-delta.js';

const recognised = (json: string) => textDelta(Buffer.from(json));
const event = (literal: string, index = 0) =>
  `{"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":${literal}}}`;

describe('events of text', () => {
  test('are read without parsing as parsing reads them, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), fc.nat(20), (text, escaped, blanks) => {
        const literal = escaped ? JSON.stringify(text).replace(/[^\x20-\x7e]/g, asEscape) : JSON.stringify(text);
        const data = event(literal).replace(/}$/, `${' '.repeat(blanks)}}`);
        expect(JSON.parse(recognised(data) ?? '0')).toBe(JSON.parse(data).delta.text);
      }),
    );
  });

  test('are never what is no JSON', () => {
    const inside = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', ':', 'u', '0', 'n', '\n', 'a') });
    fc.assert(
      fc.property(inside, (text) => {
        const found = recognised(event(`"${text}"`));
        if (found !== undefined)
          expect(JSON.parse(event(`"${text}"`)).delta).toEqual({ type: 'text_delta', text: JSON.parse(found) });
      }),
    );
  });

  test('may hold white space where JSON may', () => {
    expect(recognised('{ "type": "content_block_delta", "index": 12, "delta": { "type": "text_delta", "text": "a" } }')).toBe(
      '"a"',
    );
  });

  test.each([
    '{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"a"}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","more":1}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"},"usage":{}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}x',
    'x{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}',
    '{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}',
  ])('%s is parsed', (json) => {
    expect(recognised(json)).toBeUndefined();
  });
});

const asEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
