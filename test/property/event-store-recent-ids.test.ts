/** The ids that the event store remembers, against a list that is searched from its end. */
import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RecentEventIds } from '../../src/embedded/event-store/log/recent-event-ids.js';

const EVENTS_MAX = 5;
const STREAMS = 3;
const IDS = Array.from({ length: 4 }, (_, n) => Buffer.alloc(16, n));

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('add' as const), stream: fc.nat(STREAMS - 1), id: fc.nat(IDS.length - 1) }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'rollBack' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
);

interface Known {
  readonly streamNumber: number;
  readonly id: Buffer;
  readonly revision: number;
  readonly position: number;
}

test('the newest ids are known, each in its stream by its newest event, and those of a transaction until it fails', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ids = new RecentEventIds(EVENTS_MAX);
      let committed: Known[] = [];
      let uncommitted: Known[] = [];
      let position = 0;
      for (const taken of steps) {
        if (taken.kind === 'add') {
          const event = {
            streamNumber: taken.stream,
            id: IDS[taken.id] as Buffer,
            revision: 2 ** 40 + position,
            position: ++position,
          };
          ids.add(event);
          // One that comes again in its transaction keeps its place in the order.
          const at = uncommitted.findIndex(({ streamNumber, id }) => streamNumber === event.streamNumber && id === event.id);
          uncommitted = at === -1 ? [...uncommitted, event] : uncommitted.with(at, event);
        } else {
          ids[taken.kind]();
          if (taken.kind === 'commit') committed = [...committed, ...uncommitted].slice(-EVENTS_MAX);
          if (taken.kind === 'clear') committed = [];
          uncommitted = [];
        }
        for (let stream = 0; stream < STREAMS; stream++) {
          for (const id of IDS) {
            const known = [...committed, ...uncommitted].findLast((one) => one.streamNumber === stream && one.id === id);
            const found = ids.get(stream, id);
            expect(found && { revision: found.revision, position: found.position }).toEqual(
              known && { revision: known.revision, position: known.position },
            );
          }
        }
      }
    }),
  );
});

test('of thousands, those that meet in one chain are told from each other, and leave it when they are too old', () => {
  const eventsMax = 20_000;
  const ids = new RecentEventIds(eventsMax);
  const all = Array.from({ length: 30 }, () => randomBytes(16));
  const streams = Array.from({ length: 1_000 }, () => randomInt(2 ** 40));
  const added: { readonly key: string; readonly position: number }[] = [];
  for (let position = 0; position < 70_000; position++) {
    const [stream, which] = [randomInt(streams.length), randomInt(all.length)];
    ids.add({ streamNumber: streams[stream] as number, id: all[which] as Buffer, revision: position, position });
    ids.commit();
    added.push({ key: `${stream} ${which}`, position });
    if (position % 10_000 !== 9_999) continue;
    const known = new Map(added.slice(-eventsMax).map((one) => [one.key, one.position]));
    const found = new Map<string, number>();
    for (const [stream, streamNumber] of streams.entries()) {
      for (const [index, id] of all.entries()) {
        const event = ids.get(streamNumber, id);
        if (event) found.set(`${stream} ${index}`, event.position);
      }
    }
    expect(found.size).toBe(known.size);
    expect([...found].filter(([key, at]) => known.get(key) !== at)).toEqual([]);
  }
});
