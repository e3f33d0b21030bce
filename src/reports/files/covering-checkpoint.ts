import { CHECKPOINT_SIGNED, CHECKPOINTS_STREAM, type CheckpointSignedData } from '../../audit/checkpoints/checkpoint.events.js';
import type { EventStore } from '../../event-store/event-store.js';

/** A signed checkpoint under which every event of a report lies. */
export interface CoveringCheckpoint {
  /** Chain hash of its event, hex. */
  readonly id: string;
  /** How many events of the ledger it covers. */
  readonly size: number;
  /** Root of the Merkle tree over them, hex. */
  readonly root: string;
  /** Of the last event that it covers, decimal. */
  readonly position: string;
}

/**
 * The first checkpoint that covers a position: every later one builds upon it, and whenever it is asked for it is the same one.
 * Undefined where none does yet. Throws EventStoreUnavailable.
 */
export async function findCoveringCheckpoint(
  store: Pick<EventStore, 'readBackwards'>,
  upTo: bigint,
): Promise<CoveringCheckpoint | undefined> {
  let covering: CoveringCheckpoint | undefined;
  for await (const { type, data, metadata } of store.readBackwards(CHECKPOINTS_STREAM)) {
    if (type !== CHECKPOINT_SIGNED) continue;
    const { treeSize, rootHash, position } = data as CheckpointSignedData;
    if (BigInt(position) < upTo) break;
    covering = { id: metadata.hash, size: treeSize, root: rootHash, position };
  }
  return covering;
}
