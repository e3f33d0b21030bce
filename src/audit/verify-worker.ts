/** The thread that audits what the main thread reads: decoding, hashing and folding cost as much as the reading itself. */
import { createPublicKey } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { EventStore } from '../event-store/event-store.js';
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
  const store = new EventStore(address);
  const report = await verification.end((stream) => store.readRaw(stream), at);
  await store.close();
  port?.postMessage({ report } satisfies FromAuditor);
  port?.close();
}
