import { describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { canonicalJson } from '../../src/event-store/canonical-json.js';
import { type EventMetadata, eventId, GENESIS_HASH, hashEvent, seal } from '../../src/event-store/envelope.js';

const cause = { commandId: 'c', correlationId: 'g', actor: { type: 'system', id: 's' } } as const;
const place = { stream: 'account-a', revision: 0n, previousHash: GENESIS_HASH };
const event = { type: 'CreditsExpired', data: { lotId: 'lot-1', amount: '5' } };

describe('the envelope of an event', () => {
  test('canonical JSON agrees with the reference implementation of RFC 8785', () => {
    const json = fc.jsonValue({ stringUnit: 'grapheme' });
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  test('the same command gives the same event id and hash, so that a retry repeats both', () => {
    expect(seal(place, event, cause, 0, '2026-01-01T00:00:00.000Z')).toEqual(
      seal(place, event, cause, 0, '2026-01-01T00:00:00.000Z'),
    );
    expect(seal(place, event, cause, 1, '2026-01-01T00:00:00.000Z').id).not.toBe(
      seal(place, event, cause, 0, '2026-01-01T00:00:00.000Z').id,
    );
  });

  test('every part of an event, its place and its envelope is under the hash', () => {
    const sealed = seal(place, event, cause, 0, '2026-01-01T00:00:00.000Z');
    const { hash, ...envelope } = JSON.parse(sealed.metadataJson) as EventMetadata;
    expect(hash).toBe(sealed.hash);
    expect(sealed.id).toBe(eventId(hash));
    expect(sealed.metadataJson).toBe(canonicalize({ ...envelope, hash }));
    const stored = { stream: place.stream, revision: 0n, type: event.type, data: event.data };
    expect(hashEvent(stored, envelope)).toBe(hash);
    const tampered = [
      hashEvent({ ...stored, data: { lotId: 'lot-1', amount: '6' } }, envelope),
      hashEvent({ ...stored, revision: 1n }, envelope),
      hashEvent({ ...stored, stream: 'account-b' }, envelope),
      hashEvent({ ...stored, type: 'CreditsGranted' }, envelope),
      hashEvent(stored, { ...envelope, occurredAt: '2026-01-01T00:00:00.001Z' }),
      hashEvent(stored, { ...envelope, actor: { type: 'job', id: 's' } }),
      hashEvent(stored, { ...envelope, previousHash: 'f'.repeat(64) }),
    ];
    expect(new Set([hash, ...tampered]).size).toBe(tampered.length + 1);
  });

  test('ids are version 8 UUIDs', () => {
    expect(seal(place, event, cause, 0, 'x').id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
