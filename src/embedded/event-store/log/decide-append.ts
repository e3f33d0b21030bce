/**
 * Whether an append is written, repeats what is already stored, or meets a stream that is not where the caller expected it:
 * EventStoreDB's rules (its IndexWriter.CheckCommit), of which the subtle one is the repeat. With an exact expectation a repeat
 * is recognised by the ids stored right after it, as long as those are stored. With `any` there is no such place, so that only ids
 * the server still remembers are recognised. A deletion is judged as the append of one event that nobody has seen.
 */
export type ExpectedRevision = number | 'any' | 'no_stream' | 'stream_exists';

export const NO_STREAM = -1;

export type AppendDecision =
  | { readonly kind: 'write' }
  | { readonly kind: 'repeated'; readonly revision: number; readonly position: number }
  | { readonly kind: 'wrong_expected_revision' }
  | { readonly kind: 'stream_deleted' };

/** What the decision may ask of the store about the one stream. */
export interface StoredStream {
  /** `NO_STREAM` when nothing was ever written. */
  readonly revision: number;
  readonly isTombstoned: boolean;
  /** Deleted, but may be written again. */
  readonly isSoftDeleted: boolean;
  hasMetadata(): boolean;
  recent(id: Buffer): { readonly revision: number; readonly position: number } | undefined;
  /** The events from this revision on, in order; each is valid until the next is asked for. */
  eventsFrom(revision: number): Iterable<{ readonly id: Buffer; readonly revision: number; readonly position: number }>;
}

const WRITE: AppendDecision = { kind: 'write' };
const WRONG_EXPECTED_REVISION: AppendDecision = { kind: 'wrong_expected_revision' };
const STREAM_DELETED: AppendDecision = { kind: 'stream_deleted' };

export function decideAppend(expected: ExpectedRevision, ids: readonly Buffer[], stream: StoredStream): AppendDecision {
  if (stream.isTombstoned) return STREAM_DELETED;
  if (expected === 'stream_exists') {
    if (stream.isSoftDeleted) return STREAM_DELETED;
    if (stream.revision === NO_STREAM && !stream.hasMetadata()) return WRONG_EXPECTED_REVISION;
  }
  if (expected === 'any' || expected === 'stream_exists') return decideByRecentIds(ids, stream);
  const revision = expected === 'no_stream' ? NO_STREAM : expected;
  if (revision === stream.revision) return WRITE;
  if (revision > stream.revision || ids.length === 0) return WRONG_EXPECTED_REVISION;
  return decideByIdsStoredAfter(revision, ids, stream);
}

function decideByRecentIds(ids: readonly Buffer[], stream: StoredStream): AppendDecision {
  let last: { readonly revision: number; readonly position: number } | undefined;
  for (const [index, id] of ids.entries()) {
    const stored = stream.recent(id);
    if (!stored) return index === 0 ? WRITE : WRONG_EXPECTED_REVISION;
    last = stored;
  }
  return last ? { kind: 'repeated', ...last } : WRITE;
}

function decideByIdsStoredAfter(expected: number, ids: readonly Buffer[], stream: StoredStream): AppendDecision {
  let matched = 0;
  for (const { id, revision, position } of stream.eventsFrom(expected + 1)) {
    if (revision !== expected + 1 + matched || !ids[matched]?.equals(id)) break;
    matched++;
    if (matched === ids.length) return { kind: 'repeated', revision, position };
  }
  const isNewBeginning = matched === 0 && expected === NO_STREAM && stream.isSoftDeleted;
  return isNewBeginning ? WRITE : WRONG_EXPECTED_REVISION;
}
