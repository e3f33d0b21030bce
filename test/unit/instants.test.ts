import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { instantFromText, instantToText } from '../../src/kernel/time.js';

const FIRST = Date.UTC(1, 0, 1);
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

test('a time is written and read back, on one day and from one day to another', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: LAST }), { minLength: 2, maxLength: 5 }), (instants) => {
      for (const at of [...instants, ...instants.map((at) => at + 1)].filter((at) => at <= LAST)) {
        expect(instantToText(at)).toBe(new Date(at).toISOString());
        expect(instantFromText(new Date(at).toISOString())).toBe(at);
      }
    }),
  );
});

test('every other text is what the language takes it for', () => {
  const some = fc.oneof(
    fc.string(),
    fc
      .date({ min: new Date(FIRST), max: new Date(LAST), noInvalidDate: true })
      .map((date) => date.toISOString().replace('Z', '+02:00')),
    fc.constantFrom(
      '2026-02-30T00:00:00.000Z',
      '2026-13-01T00:00:00.000Z',
      '2026-01-01T24:00:00.000Z',
      '2026-01-01T00:60:00.000Z',
      '2026-01-01T00:00:00Z',
      '2026-01-01T00:00:00.0000Z',
      '2026-01-01 00:00:00.000Z',
      '',
    ),
  );
  fc.assert(fc.property(some, (text) => expect(instantFromText(text)).toBe(Date.parse(text))));
});
