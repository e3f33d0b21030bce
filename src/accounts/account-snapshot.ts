import { hash as digest } from 'node:crypto';
import { type EventToAppend, eventId } from '../event-store/envelope.js';
import type { StoredEvent } from '../event-store/event-store.js';
import type { AccountId } from '../kernel/ids.js';
import { accountDecider } from './domain/account.decider.js';
import type { Account } from './domain/account.js';
import type { Place } from './known-account.js';
import { decodeLossless, encodeLossless } from './lossless-json.js';

/**
 * The version of the account's fold. Count it up with every change of `Account` or of `evolve` after which the same events would
 * give another state: snapshots of another version are not looked for. A test holds the state's shape beside it.
 */
export const FOLD_VERSION = 2;

export const snapshotStream = (accountId: AccountId): string => `snapshot-${FOLD_VERSION}-${accountId}`;

/** A folded account and where in its stream it stands. */
export interface Snapshot extends Place {
  readonly account: Account;
}

const TYPE = 'AccountSnapshotTaken';

/**
 * A snapshot as the event that keeps it: {foldVersion, accountId, revision, position, lastHash, state, checksum}, of which the
 * last is the SHA-256 of the JSON text of the others. Throws a TypeError where the state holds what has no lossless form.
 */
export function encodeSnapshot(accountId: AccountId, { revision, position, lastHash, account }: Snapshot): EventToAppend {
  const state = encodeLossless(account);
  const content = { foldVersion: FOLD_VERSION, accountId, revision: `${revision}`, position: `${position}`, lastHash, state };
  const text = JSON.stringify(content);
  const checksum = digest('sha256', text);
  const dataJson = `${text.slice(0, -1)},"checksum":"${checksum}"}`;
  return { id: eventId(checksum), type: TYPE, hash: checksum, dataJson, metadataJson: '' };
}

/**
 * @returns the snapshot, or why it is none of this account under this fold
 */
export function decodeSnapshot(accountId: AccountId, { type, data }: StoredEvent): Snapshot | string {
  if (type !== TYPE || typeof data !== 'object' || data === null) return 'it is no snapshot';
  const { checksum, ...content } = data as Record<string, unknown>;
  // Parsing and writing gives the same text again: members keep their order.
  if (digest('sha256', JSON.stringify(content)) !== checksum) return 'its checksum is wrong';
  if (content.foldVersion !== FOLD_VERSION) return `it is of fold ${content.foldVersion}`;
  if (content.accountId !== accountId) return 'it is of another account';
  try {
    const account = decodeLossless(content.state);
    if (!isAccount(account)) return 'its state has another shape';
    const { revision, position, lastHash } = content as Record<string, string>;
    const place = { revision: BigInt(revision as string), position: BigInt(position as string), lastHash: lastHash as string };
    return place.revision < 0n ? 'it rests on no event' : { account, ...place };
  } catch {
    return 'its state cannot be read';
  }
}

/** Whether a state has the members of an account, each of its kind. */
function isAccount(state: unknown): state is Account {
  if (typeof state !== 'object' || state === null) return false;
  const members = state as Record<string, unknown>;
  return Object.entries(accountDecider.initialState()).every(
    ([name, member]) => typeof members[name] === typeof member && members[name] instanceof Map === member instanceof Map,
  );
}
