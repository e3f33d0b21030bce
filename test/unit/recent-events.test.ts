import { expect, test } from '@jest/globals';
import { RecentEvents } from '../../src/event-store/recent-events.js';
import type { StoredEvent } from '../../src/event-store/stored-event.js';

const event = (position: bigint, id = `id-${position}`) => ({ id, position }) as StoredEvent;

test('an event is known by its place and its id: another history has other ids at the same places', () => {
  const recent = new RecentEvents();
  const known = event(7n);
  recent.add(known, 100);
  expect(recent.find(7n, 'id-7')).toBe(known);
  expect(recent.find(7n, 'id-of-another-history')).toBeUndefined();
  expect(recent.find(8n, 'id-7')).toBeUndefined();
});

test('so many are kept, the oldest forgotten first, and none that is large', () => {
  const recent = new RecentEvents();
  for (let position = 0n; position < 2_001n; position++) recent.add(event(position), 100);
  expect(recent.find(0n, 'id-0')).toBeUndefined();
  expect(recent.find(1n, 'id-1')).toBeDefined();
  recent.add(event(5_000n), 16_385);
  expect(recent.find(5_000n, 'id-5000')).toBeUndefined();
});
