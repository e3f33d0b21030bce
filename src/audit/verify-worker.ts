/** The thread that audits what the main thread reads: decoding, hashing and folding cost as much as the reading itself. */
import { createPublicKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import type { RawEvent } from '../event-store/raw-event.js';
import { CheckpointVerification } from './checkpoints/checkpoint-verification.js';
import type { FromAuditor, ToAuditor, VerificationTask } from './verify-in-worker.js';
import { LedgerVerification } from './verify-ledger.js';

const { address, known } = workerData as VerificationTask;
const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread');

const verification = new LedgerVerification(
  known && new CheckpointVerification(known.checkpoints, createPublicKey(known.publicKeyPem)),
);

port.on('message', (message: ToAuditor) => {
  if ('endAt' in message) void end(message.endAt);
  else take(message);
});

function take({ bytes, lengths }: Extract<ToAuditor, { bytes: unknown }>): void {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (const length of lengths) {
    verification.takeMessage(all.subarray(at, at + length));
    at += length;
  }
  port?.postMessage({ taken: lengths.length } satisfies FromAuditor);
}

async function end(at: number): Promise<void> {
  const report = await verification.end(reread, at);
  port?.postMessage({ report } satisfies FromAuditor);
  port?.close();
}

/** Hardly ever needed, and the client takes almost 0.2 s to load: so it is loaded when it is. */
async function* reread(stream: string): AsyncGenerator<RawEvent> {
  const { EventStore } = await import('../event-store/event-store.js');
  const store = new EventStore(address);
  try {
    yield* store.readRaw(stream);
  } finally {
    await store.close();
  }
}
