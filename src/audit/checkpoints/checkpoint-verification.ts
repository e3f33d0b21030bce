import type { KeyObject } from 'node:crypto';
import { type Checkpoint, checkpointHash, keyIdOf, NO_CHECKPOINT, verifyCheckpoint } from './checkpoint.js';
import { ofAnotherLedger } from './checkpoint-file.js';
import { leafHash, MerkleFrontier } from './merkle-tree.js';

export type CheckpointProblemKind =
  | 'bad_signature'
  | 'unknown_key'
  | 'wrong_order'
  | 'root_mismatch'
  | 'size_mismatch'
  | 'events_missing'
  | 'checkpoint_missing'
  | 'checkpoint_swapped'
  | 'another_ledger';

export interface CheckpointProblem {
  readonly kind: CheckpointProblemKind;
  readonly checkpoint: Checkpoint;
  readonly message: string;
}

/** One event of the ledger: its chain hash as 32 bytes (`leafOf`), and its commit position in `$all`. */
export interface LedgerLeaf {
  readonly leaf: Uint8Array;
  readonly position: bigint;
}

/** Both in the order in which they were written; what is left out is not compared. */
export interface KnownCheckpoints {
  /** Those of the stream `checkpoints`. */
  readonly stored?: readonly Checkpoint[];
  /** Those of the exported file, which may begin later than the first. */
  readonly exported?: readonly Checkpoint[];
}

export interface CheckpointReport {
  /** Empty where all is well. */
  readonly problems: readonly CheckpointProblem[];
  /** Checkpoints looked at, each once. */
  readonly checkpoints: number;
  readonly treeSize: number;
  /** Hex, of the whole ledger as it is now. */
  readonly rootHash: string;
  /** Events up to the last checkpoint that has no problem; those after it are covered by nothing. */
  readonly coveredSize: number;
}

/**
 * Recomputes the tree from the ledger's events and holds every checkpoint against it.
 * @param leaves every event of the ledger, in the order of `$all`
 * @param publicKeys those that may have signed: one, or also those from before a change of key
 */
export async function verifyCheckpoints(
  leaves: AsyncIterable<LedgerLeaf> | Iterable<LedgerLeaf>,
  known: KnownCheckpoints,
  publicKeys: KeyObject | readonly KeyObject[],
): Promise<CheckpointReport> {
  const verification = new CheckpointVerification(known, publicKeys);
  for await (const { leaf, position } of leaves) verification.add(leaf, position);
  return verification.end();
}

/** Which ledger it is that begins with this event: `origin` of its checkpoints. */
export const originOf = (firstLeaf: Uint8Array): string => `ledger-${Buffer.from(firstLeaf).toString('hex').slice(0, 32)}`;

/** The same for who reads the ledger anyway: each event is added once, in order. */
export class CheckpointVerification {
  private readonly found: FoundProblems;
  private readonly distinct: readonly Checkpoint[];
  private readonly frontier = new MerkleFrontier();
  private readonly bySize: readonly Checkpoint[];
  private readonly byPosition: readonly { readonly checkpoint: Checkpoint; readonly at: bigint }[];
  private readonly known: KnownCheckpoints;
  private origin: string | undefined;
  private sizesSeen = 0;
  private positionsSeen = 0;

  constructor(known: KnownCheckpoints, publicKeys: KeyObject | readonly KeyObject[]) {
    this.known = known;
    const { stored, exported } = known;
    const lists = [stored ?? [], exported ?? []];
    const distinct = new Map(lists.flat().map((checkpoint) => [checkpointHash(checkpoint), checkpoint]));
    this.distinct = [...distinct.values()].sort((a, b) => compare(Number(a.treeSize) || 0, Number(b.treeSize) || 0));
    this.found = new FoundProblems();
    const keys = new Map([publicKeys].flat().map((key) => [keyIdOf(key), key]));
    for (const checkpoint of this.distinct) this.checkSignature(checkpoint, keys);
    this.checkOrder(stored ?? [], NO_CHECKPOINT);
    // A file may have been begun later than the ledger; what precedes it, the stored ones show.
    this.checkOrder(exported ?? [], undefined);
    if (stored && exported) this.checkExported(stored, exported);
    this.bySize = this.distinct.filter(isWellFormed);
    this.byPosition = this.bySize
      .map((checkpoint) => ({ checkpoint, at: BigInt(checkpoint.position) }))
      .sort((a, b) => compare(a.at, b.at));
  }

  /** @param leaf the 32 bytes of the event's chain hash */
  add(leaf: Uint8Array, position: bigint): void {
    this.origin ??= originOf(leaf);
    this.passPositions(position);
    this.frontier.append(leafHash(leaf));
    for (let next = this.bySize[this.sizesSeen]; next?.treeSize === this.frontier.size; next = this.bySize[this.sizesSeen]) {
      const root = this.frontier.root().toString('hex');
      if (root !== next.rootHash)
        this.found.add('root_mismatch', next, `the ledger's first ${next.treeSize} events have the root ${root}`);
      this.sizesSeen += 1;
    }
  }

  /** Call once, after the last event. */
  end(): CheckpointReport {
    this.passPositions(undefined);
    const treeSize = this.frontier.size;
    for (const checkpoint of this.bySize.slice(this.sizesSeen)) {
      this.found.add('events_missing', checkpoint, `${checkpoint.treeSize} events were signed, the ledger has ${treeSize}`);
    }
    const sound = this.distinct.filter((checkpoint) => !this.found.has(checkpoint));
    const others = this.ofOtherLedgers();
    const own = this.distinct.filter((checkpoint) => !others.has(checkpoint));
    return {
      problems: [...own.flatMap((checkpoint) => this.found.of(checkpoint)), ...this.sayOthers(others)],
      checkpoints: this.distinct.length,
      treeSize,
      rootHash: this.frontier.root().toString('hex'),
      coveredSize: sound.at(-1)?.treeSize ?? 0,
    };
  }

  /**
   * Exported checkpoints that name another ledger than this one and its stored checkpoints do. That they do not fit goes without
   * saying. Not those that somebody has edited: their signature tells more.
   */
  private ofOtherLedgers(): ReadonlySet<Checkpoint> {
    const { stored } = this.known;
    if (this.origin === undefined || stored === undefined) return new Set();
    const own = new Set([this.origin, ...stored.map(({ origin }) => origin)]);
    const others = this.distinct.filter(({ origin }) => ORIGIN.test(origin) && !own.has(origin));
    return new Set(others.filter((each) => !this.found.isOfKind(each, 'bad_signature')));
  }

  /** One problem for each other ledger, with the longest of its checkpoints. */
  private sayOthers(others: ReadonlySet<Checkpoint>): CheckpointProblem[] {
    const byOrigin = new Map([...others].map((checkpoint) => [checkpoint.origin, checkpoint]));
    return [...byOrigin].map(([origin, checkpoint]) => ({
      kind: 'another_ledger',
      checkpoint,
      message: ofAnotherLedger('the exported file of checkpoints', origin, this.origin as string),
    }));
  }

  private checkSignature(checkpoint: Checkpoint, keys: ReadonlyMap<string, KeyObject>): void {
    const key = keys.get(checkpoint.keyId);
    if (!key) this.found.add('unknown_key', checkpoint, `signed by the key ${checkpoint.keyId}`);
    else if (!verifyCheckpoint(checkpoint, key)) this.found.add('bad_signature', checkpoint, 'the signature does not fit');
    else if (!isWellFormed(checkpoint)) this.found.add('bad_signature', checkpoint, 'what is signed is no checkpoint');
  }

  private checkOrder(checkpoints: readonly Checkpoint[], firstPrevious: string | undefined): void {
    let before: Checkpoint | undefined;
    for (const checkpoint of checkpoints) {
      const previous = before ? checkpointHash(before) : firstPrevious;
      const isLinked = previous === undefined || checkpoint.previous === previous;
      if (!isLinked) this.found.add('wrong_order', checkpoint, 'does not build on the checkpoint before it');
      else if (before && !isAfter(checkpoint, before))
        this.found.add('wrong_order', checkpoint, 'is not after the one before it, or of another ledger');
      before = checkpoint;
    }
  }

  private checkExported(stored: readonly Checkpoint[], exported: readonly Checkpoint[]): void {
    const hashes = new Set(stored.map(checkpointHash));
    const sizes = new Set(stored.map(({ treeSize }) => treeSize));
    for (const checkpoint of exported) {
      if (hashes.has(checkpointHash(checkpoint))) continue;
      if (sizes.has(checkpoint.treeSize))
        this.found.add('checkpoint_swapped', checkpoint, 'was exported; the store has another one of this size');
      else this.found.add('checkpoint_missing', checkpoint, 'was exported; the store does not have it');
    }
  }

  /** How many events lie up to a checkpoint's position is known once an event beyond it comes, or none does. */
  private passPositions(position: bigint | undefined): void {
    const { size } = this.frontier;
    for (let next = this.byPosition[this.positionsSeen]; next; next = this.byPosition[this.positionsSeen]) {
      const { checkpoint, at } = next;
      if (position !== undefined && at >= position) return;
      this.positionsSeen += 1;
      // Fewer at the end of the ledger are missing events, said there.
      const isTruncated = position === undefined && size < checkpoint.treeSize;
      if (size !== checkpoint.treeSize && !isTruncated)
        this.found.add('size_mismatch', checkpoint, `up to its position there are ${size} events, not ${checkpoint.treeSize}`);
    }
  }
}

/** Problems by checkpoint, each kind once, although a checkpoint may be known from the store and from the file. */
class FoundProblems {
  private readonly byCheckpoint = new Map<string, CheckpointProblem[]>();

  add(kind: CheckpointProblemKind, checkpoint: Checkpoint, what: string): void {
    const hash = checkpointHash(checkpoint);
    const problems = this.byCheckpoint.get(hash) ?? [];
    this.byCheckpoint.set(hash, problems);
    if (this.isOfKind(checkpoint, kind)) return;
    problems.push({ kind, checkpoint, message: `checkpoint of ${checkpoint.treeSize} events: ${what}` });
  }

  isOfKind(checkpoint: Checkpoint, kind: CheckpointProblemKind): boolean {
    return this.of(checkpoint).some((problem) => problem.kind === kind);
  }

  has(checkpoint: Checkpoint): boolean {
    return this.of(checkpoint).length > 0;
  }

  of(checkpoint: Checkpoint): readonly CheckpointProblem[] {
    return this.byCheckpoint.get(checkpointHash(checkpoint)) ?? [];
  }
}

const ORIGIN = /^ledger-[0-9a-f]{32}$/;

const compare = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

const isWellFormed = ({ treeSize, position, rootHash }: Checkpoint): boolean =>
  Number.isSafeInteger(treeSize) && treeSize > 0 && /^\d{1,19}$/.test(position) && typeof rootHash === 'string';

const isAfter = (checkpoint: Checkpoint, before: Checkpoint): boolean =>
  isWellFormed(checkpoint) &&
  isWellFormed(before) &&
  checkpoint.origin === before.origin &&
  checkpoint.treeSize > before.treeSize &&
  BigInt(checkpoint.position) > BigInt(before.position) &&
  checkpoint.signedAt >= before.signedAt;
