import type { EventStore } from '../../event-store/event-store.js';
import { type Checkpoint, checkpointHash } from './checkpoint.js';
import { appendToCheckpointFile, lastExported } from './checkpoint-file.js';
import { readStoredCheckpoints, readStoredCheckpointsBackwards, type StoredCheckpoint } from './checkpoint-stream.js';

const BATCH_MAX = 1_000;

/** The store does not hold what was exported: it was swapped, truncated or rebuilt, or the file is another ledger's. */
export class CheckpointsDiverged extends Error {
  constructor(file: string, { treeSize }: Checkpoint, what: string) {
    super(`the last checkpoint in ${file}, of ${treeSize} events, ${what}`);
  }
}

/**
 * Revision in the store of the checkpoint that was exported last; -1n where none was.
 * @throws CheckpointsDiverged where that one is not the last in the store, nor an ancestor of it
 * @throws CheckpointFileDamaged
 */
export async function exportedRevision(store: EventStore, file: string): Promise<bigint> {
  const exported = await lastExported(file);
  if (!exported) return -1n;
  const hash = checkpointHash(exported);
  let newer: Checkpoint | undefined;
  for await (const { checkpoint, revision } of readStoredCheckpointsBackwards(store)) {
    const isLinked = newer === undefined || newer.previous === checkpointHash(checkpoint);
    if (!isLinked) throw new CheckpointsDiverged(file, exported, 'is followed by checkpoints that do not build on it');
    if (checkpointHash(checkpoint) === hash) return revision;
    if (checkpoint.treeSize <= exported.treeSize) break;
    newer = checkpoint;
  }
  throw new CheckpointsDiverged(file, exported, 'is not in the store');
}

/** Writes the checkpoints after a revision to the end of the file. */
export async function exportCheckpoints(store: EventStore, file: string, after: bigint): Promise<void> {
  let batch: StoredCheckpoint[] = [];
  const write = async () => {
    const lines = batch.map(({ checkpoint }) => checkpoint);
    batch = [];
    if (lines.length > 0) await appendToCheckpointFile(file, lines);
  };
  for await (const stored of readStoredCheckpoints(store, after + 1n)) {
    batch.push(stored);
    if (batch.length === BATCH_MAX) await write();
  }
  await write();
}
