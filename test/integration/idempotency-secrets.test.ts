/** What the database holds of a named request says nothing to whoever lacks its credential or its key. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type KeptAnswer, type NamedRequest, RequestSecrets } from '../../src/idempotency/request-secrets.js';

const SEED = 20_261_122;
const RUNS = { seed: SEED, numRuns: 200 };

const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1 });
const request: fc.Arbitrary<NamedRequest> = fc.record({
  scope: visible,
  key: visible,
  credential: visible,
  content: fc.string(),
});
const body = fc.string({ unit: 'grapheme', maxLength: 2_000 });
const answer: fc.Arbitrary<KeptAnswer> = fc.oneof(
  fc.record({ status: fc.integer({ min: 200, max: 299 }), contentType: visible, body }),
  fc.record({ status: fc.constant(200), contentType: visible, generationId: visible, body }),
);

describe(`a kept answer (seed ${SEED})`, () => {
  test('is read by its own request', () => {
    fc.assert(
      fc.property(request, answer, (named, kept) => {
        expect(new RequestSecrets({ ...named }).open(new RequestSecrets(named).seal(kept))).toEqual(kept);
      }),
      RUNS,
    );
  });

  test.each(['scope', 'key', 'credential'] as const)('is not read by one with another %s', (field) => {
    fc.assert(
      fc.property(request, visible, answer, (named, other, kept) => {
        fc.pre(named[field] !== other);
        const sealed = new RequestSecrets(named).seal(kept);
        expect(() => new RequestSecrets({ ...named, [field]: other }).open(sealed)).toThrow();
      }),
      RUNS,
    );
  });

  test('is refused when any of its bits was changed, or a part of it cut off', () => {
    fc.assert(
      fc.property(request, answer, fc.nat(), fc.nat(7), (named, kept, at, bit) => {
        const secrets = new RequestSecrets(named);
        const sealed = secrets.seal(kept);
        const changed = Buffer.from(sealed);
        const index = at % sealed.length;
        changed[index] = (sealed[index] as number) ^ (1 << bit);
        expect(() => secrets.open(changed)).toThrow();
        expect(() => secrets.open(sealed.subarray(0, index))).toThrow();
      }),
      RUNS,
    );
  });

  test('is sealed anew each time, and shows nothing of its text', () => {
    fc.assert(
      fc.property(request, answer, (named, kept) => {
        const secrets = new RequestSecrets(named);
        const [first, second] = [secrets.seal(kept), secrets.seal(kept)];
        expect(first.equals(second)).toBe(false);
        if (Buffer.byteLength(kept.body) > 8) expect(first.includes(kept.body)).toBe(false);
      }),
      RUNS,
    );
  });
});

describe('the names of a request', () => {
  const named: NamedRequest = { scope: 'key/account/1', key: 'k', credential: 'sk-mcp-account-secret', content: 'POST /\n{}' };
  const secrets = new RequestSecrets(named);

  test.each([
    ['another body: the same row, another fingerprint', { content: 'POST /\n{"a":1}' }, [true, false, true]],
    ['another credential: the same row, and nothing else', { credential: 'another' }, [true, false, false]],
    ['another key', { key: 'l' }, [false, false, false]],
    ['another scope: another row', { scope: 'key/account/2' }, [false, true, true]],
    ['the same', {}, [true, true, true]],
  ] as const)('%s', (_, change, [sameId, sameFingerprint, sameGeneration]) => {
    const other = new RequestSecrets({ ...named, ...change });
    expect(other.id.equals(secrets.id)).toBe(sameId);
    expect(other.fingerprint.equals(secrets.fingerprint)).toBe(sameFingerprint);
    expect(other.generationId(1, 1) === secrets.generationId(1, 1)).toBe(sameGeneration);
  });

  test('each attempt and each day has a generation of its own, in the form of any other', () => {
    const ids = [1, 2, 3].flatMap((day) => [1, 2, 3].map((attempt) => secrets.generationId(day, attempt)));
    expect(new Set(ids).size).toBe(9);
    for (const id of ids) expect(id).toMatch(/^gen-[0-9a-f]{32}$/);
  });
});
