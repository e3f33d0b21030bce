import { readFile, rename, writeFile } from 'node:fs/promises';
import { request } from 'undici';
import { canonicalJson } from '../../event-store/canonical-json.js';
import type { EventStore } from '../../event-store/event-store.js';
import type { Checkpoint } from './checkpoint.js';
import { readStoredCheckpoints, type StoredCheckpoint } from './checkpoint-stream.js';

export interface CheckpointWebhook {
  readonly url: string;
  /** Holds the revision in stream `checkpoints` of the last checkpoint that was taken, decimal. */
  readonly positionFile: string;
  readonly timeoutMs?: number;
}

/** The receiver did not take a checkpoint; it is sent again, before any later one. */
export class WebhookFailed extends Error {
  constructor(treeSize: number, why: string) {
    super(`the webhook did not take the checkpoint of ${treeSize} events: ${why}`);
  }
}

const TIMEOUT_MS = 10_000;
/** Read before any is sent, since a read is not held open while a receiver thinks. */
const BATCH_MAX = 100;
const PER_RUN_MAX = 1_000;

/**
 * Sends what the webhook has not taken yet, in order, none skipped, each at least once: a POST of its canonical JSON, taken with
 * any status 2xx. Redirects are not followed. Throws WebhookFailed at the first that is not taken.
 */
export async function deliverCheckpoints(store: EventStore, webhook: CheckpointWebhook): Promise<void> {
  for (let sent = 0; sent < PER_RUN_MAX; ) {
    const pending = await pendingAfter(store, await readPosition(webhook.positionFile));
    if (pending.length === 0) return;
    for (const { checkpoint, revision } of pending) {
      await post(webhook, checkpoint);
      await writePosition(webhook.positionFile, revision);
    }
    sent += pending.length;
  }
}

async function pendingAfter(store: EventStore, revision: bigint): Promise<StoredCheckpoint[]> {
  const pending: StoredCheckpoint[] = [];
  for await (const stored of readStoredCheckpoints(store, revision + 1n)) {
    pending.push(stored);
    if (pending.length === BATCH_MAX) break;
  }
  return pending;
}

async function post({ url, timeoutMs = TIMEOUT_MS }: CheckpointWebhook, checkpoint: Checkpoint): Promise<void> {
  let status: number;
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: canonicalJson(checkpoint),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = answer.statusCode;
    await answer.body.dump();
  } catch (error) {
    // Not the message: it may show the address, and that a secret.
    const { code, name } = error as NodeJS.ErrnoException;
    throw new WebhookFailed(checkpoint.treeSize, code ?? name);
  }
  if (status < 200 || status > 299) throw new WebhookFailed(checkpoint.treeSize, `status ${status}`);
}

/** -1n where nothing was ever sent. */
async function readPosition(file: string): Promise<bigint> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '-1';
    throw error;
  });
  if (!/^(-1|\d{1,19})\s*$/.test(text)) throw new Error(`${file} holds no revision`);
  return BigInt(text.trim());
}

/** Replaced as a whole, so that a crash leaves the one before: then a checkpoint is sent twice. */
async function writePosition(file: string, revision: bigint): Promise<void> {
  await writeFile(`${file}.new`, `${revision}\n`, { flush: true });
  await rename(`${file}.new`, file);
}
