import { hash as digest } from 'node:crypto';
import type { RawEvent } from '../event-store/raw-event.js';
import type { AuditedFact, Json, Problem } from './rules/account-audit-rules.js';

/** The end of a stream's hash chain, as far as it has been read. */
export interface ChainHead {
  readonly revision: number;
  readonly hash: string;
}

/** Where the chain of every stream begins. */
export const NO_EVENT: ChainHead = { revision: -1, hash: '0'.repeat(64) };

const HASH_MEMBER = ',"hash":"';
const HASH_DIGITS = 64;
const HASH = /^[0-9a-f]{64}$/;
const UNREADABLE = '�';

export interface Link {
  readonly head: ChainHead;
  /** The event with its content parsed; undefined where that is no JSON object. */
  readonly fact: AuditedFact | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Holds an event against the end of its stream's chain. The hash is computed over the very text that the store holds, so that not
 * even another way of writing the same JSON passes. After a break the chain is taken up as it is stated: a break is one problem.
 */
export function verifyLink(head: ChainHead, event: RawEvent): Link {
  const { revision } = event;
  const fact = factOf(event);
  if (!fact) return { head: { revision, hash: '' }, fact, problems: [problemOf(event, '11', 'the event is no JSON')] };
  const { hash, previousHash } = fact.metadata;
  const place = brokenPlace(head, revision, previousHash);
  const content = brokenContent(event, hash);
  if (!place && !content) return { head: { revision, hash }, fact, problems: NONE };
  const problems = [place, content].flatMap((text) => (text === undefined ? [] : [problemOf(event, '10', text)]));
  return { head: { revision, hash: String(hash) }, fact, problems };
}

const NONE: readonly Problem[] = [];

function brokenPlace(head: ChainHead, revision: number, previousHash: unknown): string | undefined {
  if (revision !== head.revision + 1) return `event ${head.revision + 1} is not there`;
  return previousHash === head.hash ? undefined : 'the event is not chained to the one before it';
}

function brokenContent(event: RawEvent, hash: unknown): string | undefined {
  if (hash === undefined || hash !== recomputedHash(event)) return 'the event is not what was hashed';
  return event.id === eventIdOf(hash as string) ? undefined : "the event's id is not that of its hash";
}

const problemOf = ({ stream, revision, id, type }: RawEvent, rule: '10' | '11', text: string): Problem => ({
  rule,
  stream,
  revision,
  eventId: id,
  type,
  text,
});

/**
 * SHA-256 of {"data":…,"metadata":… without hash,"revision":"…","stream":"…","type":"…"}, the texts as they are stored; undefined
 * where the envelope has no hash.
 */
export function recomputedHash({ dataText, metadataText, stream, revision, type }: RawEvent): string | undefined {
  // The member after `actor`, which alone could hold another one.
  const start = metadataText.lastIndexOf(HASH_MEMBER);
  const end = start + HASH_MEMBER.length + HASH_DIGITS + 1;
  if (start < 0 || metadataText[end - 1] !== '"') return undefined;
  // What is no UTF-8 was read as a replacement character, and must not pass for one.
  if (dataText.includes(UNREADABLE) || metadataText.includes(UNREADABLE)) return undefined;
  const metadata = metadataText.slice(0, start) + metadataText.slice(end);
  const text = `{"data":${dataText},"metadata":${metadata},"revision":"${revision}","stream":${JSON.stringify(stream)},"type":"${type}"}`;
  return digest('sha256', text);
}

/** UUID version 8 made from the hash. */
function eventIdOf(hash: string): string {
  const variant = ((Number.parseInt(hash[16] as string, 16) & 3) | 8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

function factOf({ id, type, stream, revision, position, dataText, metadataText }: RawEvent): AuditedFact | undefined {
  try {
    const data: Json = JSON.parse(dataText);
    const metadata: Json = JSON.parse(metadataText);
    return isObject(data) && isObject(metadata) ? { id, type, stream, revision, position, data, metadata } : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: Json): boolean => typeof value === 'object' && value !== null;

/** The leaf of an event in the checkpoints' tree: its stated chain hash, or zeros where it states none. */
export const leafOfHash = (hash: unknown): Buffer =>
  typeof hash === 'string' && HASH.test(hash) ? Buffer.from(hash, 'hex') : Buffer.alloc(HASH_DIGITS / 2);
