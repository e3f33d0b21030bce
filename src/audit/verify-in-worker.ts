import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { EventStore } from '../event-store/event-store.js';
import { LEDGER_PREFIXES } from './checkpoints/checkpoint.events.js';
import type { KnownCheckpoints } from './checkpoints/checkpoint-verification.js';
import type { LedgerReport } from './verify-ledger.js';

export interface VerificationTask {
  /** Of the store, for accounts that must be read a second time. */
  readonly address: string;
  /** Undefined: no checkpoints are verified. */
  readonly known: { readonly checkpoints: KnownCheckpoints; readonly publicKeyPem: string } | undefined;
}

/** Messages of the wire one behind the other, or that there are no more. */
export type ToAuditor = { readonly bytes: Uint8Array; readonly lengths: Uint32Array } | { readonly endAt: number };
export type FromAuditor = { readonly taken: number } | { readonly report: LedgerReport };

const WORKER = new URL('./verify-worker.js', import.meta.url);
/** Events sent at once, and those on their way at most: the reading waits for the audit, so that memory stays bounded. */
const EVENTS_AT_ONCE = 1_000;
const EVENTS_WAITING_MAX = 20_000;

/**
 * Verifies a whole ledger: this thread reads, another one audits.
 * @param at when it counts what is available
 * @throws EventStoreUnavailable
 */
export async function verifyLedger(
  store: EventStore,
  task: VerificationTask,
  at: number,
  progress: (events: number) => void,
): Promise<LedgerReport> {
  const worker = new Worker(WORKER, { workerData: task });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => undefined);
  const reported = new Promise<LedgerReport>((resolve) => {
    worker.on('message', (message: FromAuditor) => {
      if ('report' in message) return resolve(message.report);
      waiting -= message.taken;
      progress(message.taken);
      wake?.();
    });
  });
  let waiting = 0;
  let wake: (() => void) | undefined;
  const room = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });

  let gathered: Buffer[] = [];
  const send = () => {
    if (gathered.length === 0) return;
    waiting += gathered.length;
    const lengths = Uint32Array.from(gathered, ({ length }) => length);
    const bytes = joined(gathered);
    gathered = [];
    worker.postMessage({ bytes, lengths } satisfies ToAuditor, [bytes.buffer]);
  };
  try {
    for await (const batch of store.readAllMessages({ streamPrefixes: LEDGER_PREFIXES, after: undefined })) {
      gathered.push(...batch);
      if (gathered.length < EVENTS_AT_ONCE) continue;
      send();
      while (waiting > EVENTS_WAITING_MAX) await Promise.race([room(), failed]);
    }
    send();
    worker.postMessage({ endAt: at } satisfies ToAuditor);
    return await Promise.race([reported, failed]);
  } finally {
    await worker.terminate();
  }
}

/** In a buffer of its own, which can be handed over. */
function joined(messages: readonly Buffer[]): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(messages.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const message of messages) {
    bytes.set(message, at);
    at += message.length;
  }
  return bytes;
}
