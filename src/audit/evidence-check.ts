import type { KeyObject } from 'node:crypto';
import { type Checkpoint, checkpointFrom, keyIdOf, verifyCheckpoint } from './checkpoints/checkpoint.js';
import { leafHash, verifyInclusion } from './checkpoints/merkle-tree.js';
import { EVIDENCE_FORMAT, type EvidenceEvent, type EvidenceStream, rawOf } from './evidence.js';
import { AccountAudit, type AccountFigures } from './rules/account-audit.js';
import { PriceVersions } from './rules/account-audit-prices.js';
import type { Json, Problem } from './rules/account-audit-rules.js';
import { readPrices } from './verify-account.js';
import { leafOfHash, NO_EVENT, verifyLink } from './verify-chain.js';

export interface EvidenceReport {
  readonly account: string;
  readonly events: number;
  /** Events whose inclusion in the signed tree was proven, and those of the account that lie behind the last of these in the chain. */
  readonly proven: number;
  readonly covered: number;
  readonly checkpoint: Checkpoint | undefined;
  readonly figures: AccountFigures;
  /** Of the account's last event. */
  readonly at: number;
  readonly problems: readonly Problem[];
}

/**
 * Checks evidence with nothing but a public key: signature, inclusion, chain, costs, and every rule of the ledger.
 * @throws Error where the file is no evidence of this format
 */
export function checkEvidence(file: Json, publicKey: KeyObject): EvidenceReport {
  if (file?.format !== EVIDENCE_FORMAT) throw new Error(`The file is no evidence in the format ${EVIDENCE_FORMAT}.`);
  const account = file.account as EvidenceStream;
  const problems: Problem[] = [];
  const prices = new PriceVersions();
  for (const stream of file.prices as EvidenceStream[])
    problems.push(
      ...readPrices(
        stream.events.map((event) => rawOf(stream.stream, event)),
        prices,
      ),
    );

  const audit = new AccountAudit(account.stream, prices);
  let head = NO_EVENT;
  for (const event of account.events.map((event) => rawOf(account.stream, event))) {
    const link = verifyLink(head, event);
    head = link.head;
    problems.push(...link.problems);
    if (link.fact) audit.take(link.fact);
  }
  problems.push(...audit.end());
  const { proven, covered, checkpoint, wrong } = checkProofs(file, account, publicKey);
  return {
    account: account.stream,
    events: account.events.length,
    proven,
    covered,
    checkpoint,
    figures: audit.figures(),
    at: audit.account.at,
    problems: [...problems, ...wrong],
  };
}

/** The events of the file against the signed tree. A proven event proves those before it in its stream, by the chain. */
function checkProofs(file: Json, account: EvidenceStream, publicKey: KeyObject) {
  const wrong: Problem[] = [];
  const note = (text: string, stream = account.stream, revision?: number) =>
    wrong.push({ rule: '10', stream, ...(revision === undefined ? {} : { revision }), text });
  if (!file.checkpoint) {
    note('no checkpoint was signed: that nothing was written anew cannot be shown');
    return { proven: 0, covered: 0, checkpoint: undefined, wrong };
  }
  const checkpoint = checkpointFrom(file.checkpoint);
  if (checkpoint.keyId !== keyIdOf(publicKey)) note(`the checkpoint was signed by the key ${checkpoint.keyId}`);
  else if (!verifyCheckpoint(checkpoint, publicKey)) note("the checkpoint's signature does not fit");
  const root = Buffer.from(checkpoint.rootHash, 'hex');
  const covered = new Map<string, number>();
  const streams = new Map([account, ...(file.prices as EvidenceStream[])].map((stream) => [stream.stream, stream]));
  let proven = 0;
  for (const { stream, revision, leafIndex, path } of file.proofs as Json[]) {
    const event = streams.get(stream)?.events[revision];
    const claim = {
      index: leafIndex,
      size: checkpoint.treeSize,
      leafHash: leafHash(leafOfHash(hashOf(event))),
      proof: (path as string[]).map((hash) => Buffer.from(hash, 'hex')),
      root,
    };
    if (!event || !verifyInclusion(claim)) note('the event is not in the tree that was signed', stream, revision);
    else proven += 1;
    covered.set(stream, Math.max(covered.get(stream) ?? 0, revision + 1));
  }
  for (const stream of streams.keys())
    if (!covered.has(stream)) note('no event of the stream is shown to be in the signed tree', stream);
  return { proven, covered: covered.get(account.stream) ?? 0, checkpoint, wrong };
}

function hashOf(event: EvidenceEvent | undefined): unknown {
  return event && /,"hash":"([0-9a-f]{64})"/.exec(event.metadata)?.[1];
}
