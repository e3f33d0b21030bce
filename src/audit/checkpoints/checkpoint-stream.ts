import { randomUUID } from 'node:crypto';
import { GENESIS_HASH, seal } from '../../event-store/envelope.js';
import type { EventStore, StoredEvent } from '../../event-store/event-store.js';
import { CHECKPOINT_SIGNED, CHECKPOINTS_STREAM, type CheckpointSignedData } from './checkpoint.events.js';
import { type Checkpoint, checkpointFrom } from './checkpoint.js';

/** A checkpoint in the stream `checkpoints`, with what is needed to go on behind it. */
export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly frontier: readonly string[];
  readonly revision: bigint;
  /** Chain hash of its event. */
  readonly hash: string;
}

/** Every checkpoint in the store from a revision on, oldest first. */
export async function* readStoredCheckpoints(store: EventStore, fromRevision = 0n): AsyncGenerator<StoredCheckpoint> {
  for await (const event of store.read(CHECKPOINTS_STREAM, fromRevision)) {
    if (event.type === CHECKPOINT_SIGNED) yield storedCheckpoint(event as StoredEvent<CheckpointSignedData>);
  }
}

/** The same, newest first: break off where enough is known. */
export async function* readStoredCheckpointsBackwards(store: EventStore): AsyncGenerator<StoredCheckpoint> {
  for await (const event of store.readBackwards(CHECKPOINTS_STREAM)) {
    if (event.type === CHECKPOINT_SIGNED) yield storedCheckpoint(event as StoredEvent<CheckpointSignedData>);
  }
}

/**
 * Appends a checkpoint directly behind another one, or as the first.
 * Throws WrongExpectedRevision where another process was faster, AppendOutcomeUnknown where nobody knows.
 */
export async function appendCheckpoint(
  store: EventStore,
  checkpoint: Checkpoint,
  frontier: readonly string[],
  behind: StoredCheckpoint | undefined,
): Promise<void> {
  const expectedRevision = behind?.revision ?? -1n;
  const place = { stream: CHECKPOINTS_STREAM, revision: expectedRevision + 1n, previousHash: behind?.hash ?? GENESIS_HASH };
  const data: CheckpointSignedData = { ...checkpoint, frontier };
  const correlationId = randomUUID();
  const cause = {
    commandId: `checkpoint:${correlationId}`,
    correlationId,
    actor: { type: 'job', id: 'sign-checkpoint' },
  } as const;
  const sealed = seal(place, { type: CHECKPOINT_SIGNED, data }, cause, 0, checkpoint.signedAt);
  await store.append(CHECKPOINTS_STREAM, [sealed], expectedRevision);
}

const storedCheckpoint = ({ data, revision, metadata }: StoredEvent<CheckpointSignedData>): StoredCheckpoint => ({
  checkpoint: checkpointFrom(data),
  frontier: Object(data).frontier ?? [],
  revision,
  hash: metadata.hash,
});
