import { createPublicKey, hash as digest, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalJson } from '../../event-store/canonical-json.js';

/**
 * A signed statement: "the ledger's first `treeSize` events have this Merkle root". Every member but the signature is under the
 * signature; its bytes are canonical JSON, so that any Ed25519 can check it.
 */
export interface Checkpoint {
  /** Which ledger: `ledger-` and the first 32 hex digits of its first event's hash. */
  readonly origin: string;
  /** How many events of the ledger are covered, from the first. */
  readonly treeSize: number;
  /** Root of the tree of RFC 9162 over the covered events' hashes, hex. */
  readonly rootHash: string;
  /** Commit position in `$all` of the last event covered, decimal. */
  readonly position: string;
  /** ISO 8601, UTC, never before the previous checkpoint's. */
  readonly signedAt: string;
  /** `checkpointHash` of the checkpoint before, 64 zeros for the first. */
  readonly previous: string;
  /** First 16 hex digits of SHA-256 over the raw public key. */
  readonly keyId: string;
  /** Ed25519 over the canonical JSON of all other members, base64. */
  readonly signature: string;
}

export type UnsignedCheckpoint = Omit<Checkpoint, 'keyId' | 'signature'>;

/** `previous` of the first checkpoint. */
export const NO_CHECKPOINT = '0'.repeat(64);

const RAW_KEY_BYTES = 32;

/** @param key an Ed25519 key, public or private */
export function keyIdOf(key: KeyObject): string {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
  return digest('sha256', spki.subarray(-RAW_KEY_BYTES)).slice(0, 16);
}

export function signCheckpoint(checkpoint: UnsignedCheckpoint, privateKey: KeyObject): Checkpoint {
  const { origin, treeSize, rootHash, position, signedAt, previous } = checkpoint;
  const signed = { origin, treeSize, rootHash, position, signedAt, previous, keyId: keyIdOf(privateKey) };
  return { ...signed, signature: sign(null, Buffer.from(canonicalJson(signed)), privateKey).toString('base64') };
}

/** Whether the signature is that key's over exactly these members. Whose key it is, `keyId` says and who verifies decides. */
export function verifyCheckpoint({ signature, ...signed }: Checkpoint, publicKey: KeyObject): boolean {
  const bytes = Buffer.from(String(signature), 'base64');
  return verify(null, Buffer.from(canonicalJson(signed)), publicKey, bytes);
}

/** SHA-256 of the canonical JSON of the whole checkpoint, with its signature, hex. */
export const checkpointHash = (checkpoint: Checkpoint): string => digest('sha256', canonicalJson(checkpoint));

/**
 * The members of a checkpoint out of JSON that was stored or exported. What is missing or of another kind stays as it is: then
 * the signature does not fit, which is for the verification to say.
 */
export function checkpointFrom(json: unknown): Checkpoint {
  const { origin, treeSize, rootHash, position, signedAt, previous, keyId, signature } = Object(json) as Checkpoint;
  return { origin, treeSize, rootHash, position, signedAt, previous, keyId, signature };
}
