/** What a snapshot holds comes back as it was: every text, every number, Maps in their order, bigints, undefined members. */
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeLossless, encodeLossless } from '../../src/accounts/lossless-json.js';

const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('$m', '$u', '$n:1', '$s:', '__proto__', 'constructor', '7'));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    name,
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

const throughJson = (state: unknown): unknown => decodeLossless(JSON.parse(JSON.stringify(encodeLossless(state))));
/** Neither Node's comparison nor Jest's looks at the order of a Map; Jest's takes a member named `constructor` for a class. */
const inOrder = (state: unknown): unknown =>
  state instanceof Map
    ? [...state].map(([key, member]) => [key, inOrder(member)])
    : Array.isArray(state)
      ? state.map(inOrder)
      : state !== null && typeof state === 'object'
        ? Object.entries(state).map(([key, member]) => [key, inOrder(member)])
        : state;

test('what is written is read back', () => {
  fc.assert(
    fc.property(value, (state) => {
      const read = throughJson(state);
      expect(isDeepStrictEqual(read, state)).toBe(true);
      expect(isDeepStrictEqual(inOrder(read), inOrder(state))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('written, read and written again is the same text: a checksum over it holds', () => {
  fc.assert(
    fc.property(value, (state) => {
      const text = JSON.stringify({ state: encodeLossless(state) });
      expect(JSON.stringify(JSON.parse(text))).toBe(text);
      expect(JSON.stringify({ state: encodeLossless(throughJson(state)) })).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -0, new Date(0), new Set([1]), Symbol('s'), () => 0, new (class Lot {})()])(
  'what has no form is refused, not changed: %p',
  (state) => {
    expect(() => encodeLossless({ member: [state] })).toThrow(TypeError);
  },
);
