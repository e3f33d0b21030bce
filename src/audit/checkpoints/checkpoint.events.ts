import type { StoredEvent } from '../../event-store/event-store.js';
import type { Checkpoint } from './checkpoint.js';

export const CHECKPOINTS_STREAM = 'checkpoints';

/**
 * The ledger: whose streams begin with one of these is a leaf of the tree, in the order of `$all`. A prefix may be added before the
 * first event under it is written, never later: the tree of a ledger that has such events would be another one.
 */
export const LEDGER_PREFIXES = ['account-', 'price-', 'dispute-', 'period-', 'repricing-', 'reconciliation-'] as const;

/** Event `CheckpointSigned`. `frontier` holds the roots of the complete subtrees, largest first, hex: what the next one goes on from. */
export interface CheckpointSignedData extends Checkpoint {
  readonly frontier: readonly string[];
}

export const CHECKPOINT_SIGNED = 'CheckpointSigned';

const NO_HASH = Buffer.alloc(32);

/**
 * The leaf of an event: the 32 bytes of its chain hash. An event without one was not written by this program; the verification
 * of the chains reports it, here it counts as 32 zero bytes so that it cannot stop the checkpoints.
 */
export function leafOf({ metadata }: Pick<StoredEvent, 'metadata'>): Buffer {
  const hash: unknown = metadata?.hash;
  return typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash) ? Buffer.from(hash, 'hex') : NO_HASH;
}
