import { describe, expect, test } from '@jest/globals';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { cutLongWords } from '../../src/completions/tokens/long-words.js';

const PROSE =
  'She said: “It’s 12,5 % more than in 2025!”\n\n\tif (a !== b) { return "ß"; } // 今天天气很好，我们去公园。\n'.repeat(50);
const counted = (text: string) => cutLongWords(text).reduce((sum, piece) => sum + countTokens(piece), 0);

/** What a tokenizer takes long for: nothing but letters, blanks, line ends, signs; beyond the BMP; letters with their marks. */
const SLOW = ['a', 'xqzj', ' ', ' \t', '\n', '-', '/\\', '語', '😀', 'e\u0301', 'क्ष'];

describe('texts are given to the tokenizer in pieces of which none takes it long', () => {
  test('a usual text is one piece, and no text is none', () => {
    expect(cutLongWords(PROSE)).toEqual([PROSE]);
    expect(cutLongWords('')).toEqual([]);
  });

  test.each(SLOW)('nothing is lost of %j, and no piece is long', (unit) => {
    const text = `${PROSE}${unit.repeat(1_000)}1 ${unit.repeat(300)}`;
    const pieces = cutLongWords(text);
    expect(pieces.join('')).toBe(text);
    for (const piece of pieces) expect(piece).not.toMatch(/[\p{L}\p{M}]{129}|\s{129}|[^\s\p{L}\p{M}\p{N}]{129}/u);
  });

  test.each(SLOW)('of %j as many tokens are counted, give or take two for each cut', (unit) => {
    const text = unit.repeat(1_000);
    expect(Math.abs(counted(text) - countTokens(text))).toBeLessThanOrEqual(2 * cutLongWords(text).length);
  });

  test('no character is cut in two', () => {
    for (const piece of cutLongWords(`x${'😀'.repeat(500)}`)) expect(Buffer.from(piece).toString()).toBe(piece);
  });
});
