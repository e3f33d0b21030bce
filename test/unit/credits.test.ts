import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { creditsAsNumber, formatCredits, nano, parseCredits, parsePrice, pico, roundUpToNano } from '../../src/kernel/credits.js';
import { accountOfApiKey, formatApiKey } from '../../src/kernel/ids.js';
import { instantToText, windowStart } from '../../src/kernel/time.js';

describe('credits', () => {
  test('a decimal is read exactly, and refused where it is finer than the unit', () => {
    expect(parseCredits('150.50')).toBe(150_500_000_000n);
    expect(parseCredits('0.000000001')).toBe(1n);
    expect(parsePrice('0.0000000375')).toBe(37_500n);
    for (const text of ['0.0000000001', '-1', '1e3', '', '.5', '1.', ' 1', '0x1', '1_000'])
      expect(parseCredits(text)).toBeUndefined();
  });

  test('what is written is what is read', () => {
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 24n), (amount) => expect(parseCredits(formatCredits(nano(amount)))).toBe(amount)));
  });

  test('a cost is rounded once, up', () => {
    expect(roundUpToNano(pico(1n))).toBe(1n);
    expect(roundUpToNano(pico(1000n))).toBe(1n);
    expect(roundUpToNano(pico(1001n))).toBe(2n);
    expect(roundUpToNano(pico(0n))).toBe(0n);
  });

  test('a number is made from the integer at the very end', () => {
    expect(JSON.stringify(creditsAsNumber(150_500_000_000n))).toBe('150.5');
    expect(JSON.stringify(creditsAsNumber(17_700n))).toBe('0.0000177');
  });

  test('an amount is never negative', () => {
    expect(() => nano(-1n)).toThrow(RangeError);
  });
});

describe('times', () => {
  test('are written as ECMAScript writes them', () => {
    const at = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
    fc.assert(fc.property(at, (ms) => expect(instantToText(ms)).toBe(new Date(ms).toISOString())));
    expect(instantToText(-1)).toBe('1969-12-31T23:59:59.999Z');
  });
});

describe('limit windows', () => {
  test('begin at 00:00 UTC of the day, of Monday, and of the first of the month', () => {
    const at = Date.parse('2026-11-22T13:30:00.000Z');
    expect(new Date(windowStart('daily', at)).toISOString()).toBe('2026-11-22T00:00:00.000Z');
    expect(new Date(windowStart('weekly', at)).toISOString()).toBe('2026-11-16T00:00:00.000Z');
    expect(new Date(windowStart('monthly', at)).toISOString()).toBe('2026-11-01T00:00:00.000Z');
    const monday = Date.parse('2026-11-23T00:00:00.000Z');
    expect(windowStart('weekly', monday)).toBe(monday);
    expect(windowStart('weekly', monday - 1)).toBe(Date.parse('2026-11-16T00:00:00.000Z'));
  });
});

describe('API keys', () => {
  test('name their account', () => {
    expect(accountOfApiKey(formatApiKey('abc123', 'A'.repeat(20)))).toBe('abc123');
    expect(accountOfApiKey(formatApiKey('abc123', `a-b_c${'A'.repeat(20)}`))).toBe('abc123');
  });

  test('of another form name none', () => {
    for (const key of [
      '',
      'sk-or-v1-x',
      'sk-mcp-',
      'sk-mcp-abc123',
      'sk-mcp-ABC-secretsecretsecretsecret',
      'sk-mcp-$all-secretsecretsecretsecret',
      `sk-mcp-abc123-${'x'.repeat(200)}`,
    ]) {
      expect(accountOfApiKey(key)).toBeUndefined();
    }
  });
});
