import type { KeyObject } from 'node:crypto';
import type { EventStore } from '../../event-store/event-store.js';
import { LEDGER_PREFIXES, leafOf } from './checkpoint.events.js';
import { type Checkpoint, keyIdOf, verifyCheckpoint } from './checkpoint.js';
import type { StoredCheckpoint } from './checkpoint-stream.js';
import { leafHash, MerkleFrontier } from './merkle-tree.js';

/** The last checkpoint in the store cannot be built upon. */
export class CheckpointUnsound extends Error {
  constructor({ treeSize }: Checkpoint, why: string) {
    super(`the last checkpoint in the store, of ${treeSize} events, ${why}`);
  }
}

/** The tree over what the ledger holds, as far as it has been read. */
export interface Growth {
  readonly frontier: MerkleFrontier;
  readonly origin: string;
  readonly position: string;
}

/**
 * The tree of the last checkpoint, extended by the events that came after it; undefined where none did.
 *
 * Only what lies behind the checkpoint's position is read. That leaves nothing out: commit positions in `$all` are given out in
 * ascending order, and an event is readable there only once it is committed, so none can appear later at a lower position.
 * @param isEnough whether to stop for now, asked with the number of events that were added
 * @throws CheckpointUnsound
 */
export async function growTree(
  store: EventStore,
  last: StoredCheckpoint | undefined,
  publicKey: KeyObject,
  isEnough: (added: number) => boolean,
): Promise<Growth | undefined> {
  const frontier = last ? await frontierOf(store, last, publicKey) : new MerkleFrontier();
  let origin = last?.checkpoint.origin;
  let position: bigint | undefined;
  const after = last && BigInt(last.checkpoint.position);
  for await (const event of store.readAll({ streamPrefixes: LEDGER_PREFIXES, after })) {
    const leaf = leafOf(event);
    frontier.append(leafHash(leaf));
    origin ??= `ledger-${leaf.toString('hex').slice(0, 32)}`;
    position = event.position;
    if (isEnough(frontier.size - (last?.checkpoint.treeSize ?? 0))) break;
  }
  return origin === undefined || position === undefined ? undefined : { frontier, origin, position: `${position}` };
}

/**
 * The frontier that was kept, believed only as far as our own signature reaches: it must have the signed root. After a change of
 * key the tree is built anew from the ledger, and must have the root that the former key has signed.
 */
async function frontierOf(
  store: EventStore,
  { checkpoint, frontier }: StoredCheckpoint,
  publicKey: KeyObject,
): Promise<MerkleFrontier> {
  if (checkpoint.keyId !== keyIdOf(publicKey)) return rebuild(store, checkpoint);
  if (!verifyCheckpoint(checkpoint, publicKey)) throw new CheckpointUnsound(checkpoint, 'has a wrong signature');
  const kept = parseFrontier(checkpoint, frontier);
  if (kept.root().toString('hex') !== checkpoint.rootHash)
    throw new CheckpointUnsound(checkpoint, 'has a frontier with another root');
  return kept;
}

function parseFrontier(checkpoint: Checkpoint, hashes: readonly string[]): MerkleFrontier {
  try {
    return MerkleFrontier.fromJSON({ size: checkpoint.treeSize, hashes });
  } catch {
    throw new CheckpointUnsound(checkpoint, 'has a malformed frontier');
  }
}

async function rebuild(store: EventStore, checkpoint: Checkpoint): Promise<MerkleFrontier> {
  const frontier = new MerkleFrontier();
  let position = '';
  for await (const event of store.readAll({ streamPrefixes: LEDGER_PREFIXES, after: undefined })) {
    frontier.append(leafHash(leafOf(event)));
    position = `${event.position}`;
    if (frontier.size === checkpoint.treeSize) break;
  }
  if (frontier.root().toString('hex') !== checkpoint.rootHash || position !== checkpoint.position)
    throw new CheckpointUnsound(checkpoint, 'was signed by another key and does not fit the ledger');
  return frontier;
}
