/** How long a node takes to be ready on a log of ten million events in a million streams, and what memory it then has. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EventLog } from '../../src/embedded/event-store/log/event-log.js';
import type { Section } from '../figures.js';
import { withNodeOn } from './node-process.js';

const EVENTS_PER_APPEND = 10;
const APPENDS_AT_ONCE = 1_024;

export const opening: Section = async ({ quick, workFolder }) => {
  const total = quick ? 1_000_000 : 10_000_000;
  const dataDir = mkdtempSync(join(workFolder, 'large-'));
  await fill(dataDir, total);
  const { size } = statSync(join(dataDir, 'events.mdb'));
  const openings: number[] = [];
  let rss = 0;
  for (let turn = 0; turn < 3; turn++) {
    await withNodeOn(dataDir, async ({ openMs, rssMegabytes }) => {
      openings.push(openMs / 1_000);
      rss = rssMegabytes();
    });
    process.stderr.write('.');
  }
  const note = `${total / EVENTS_PER_APPEND} streams, ${(size / 2 ** 30).toFixed(1)} GiB, the process then has ${rss.toFixed(0)} MB`;
  const figure = `opening ${total.toLocaleString('en')} events, until ready, at worst`;
  return {
    figures: [{ figure, value: Math.max(...openings), unit: 's', digits: 2, target: { below: 2 }, note }],
    rounds: { openings },
    errors: [],
  };
};

/** Written by the log itself, without a wire. */
async function fill(dataDir: string, total: number): Promise<void> {
  const log = await EventLog.open(dataDir);
  const type = Buffer.from('CreditsReserved');
  const data = Buffer.from(
    JSON.stringify({ reservationId: 'res_01JD3ZK8X4V5N6P7Q8R9S0T1U2', amount: '1250000', keyId: 'key_8f14' }),
  );
  const appends = total / EVENTS_PER_APPEND;
  for (let first = 0; first < appends; first += APPENDS_AT_ONCE) {
    const group = Math.min(APPENDS_AT_ONCE, appends - first);
    await Promise.all(
      Array.from({ length: group }, (_, index) =>
        log.append({
          streamName: Buffer.from(`account-${first + index}`),
          expectedRevision: 'no_stream',
          events: Array.from({ length: EVENTS_PER_APPEND }, () => ({
            id: randomBytes(16),
            type,
            isJson: true,
            metadata: Buffer.alloc(0),
            data,
          })),
          deadlineMs: Number.POSITIVE_INFINITY,
        }),
      ),
    );
  }
  await log.close();
}
