import { decodeRawEvent, type RawEvent } from '../event-store/raw-event.js';
import { type CheckpointReport, type CheckpointVerification } from './checkpoints/checkpoint-verification.js';
import { AccountAudit, type AccountFigures } from './rules/account-audit.js';
import { boundedMemory, exactMemory, FingerprintSet, Unsure } from './rules/account-audit-memory.js';
import { PriceVersions } from './rules/account-audit-prices.js';
import type { AuditedFact, Problem } from './rules/account-audit-rules.js';
import { noTotals } from './rules/account-audit-state.js';
import { type ChainHead, leafOfHash, NO_EVENT, verifyLink } from './verify-chain.js';

const ACCOUNT_PREFIX = 'account-';
/** Problems listed; those beyond are counted. */
const PROBLEMS_MAX = 1_000;

export interface LedgerReport {
  readonly problems: readonly Problem[];
  /** Also those that are not listed. */
  readonly problemsTotal: number;
  readonly events: number;
  readonly accounts: number;
  readonly priceVersions: number;
  readonly reservations: { readonly open: number; readonly overdue: number; readonly ended: number };
  /** Sums over all accounts, nano-credits. */
  readonly figures: AccountFigures;
  /** By stream; the last event's revision and hash. */
  readonly heads: ReadonlyMap<string, ChainHead>;
  /** Undefined where no checkpoints were to be verified. */
  readonly checkpoints: CheckpointReport | undefined;
}

interface AuditedStream {
  head: ChainHead;
  readonly audit: AccountAudit | undefined;
  /** Must be read again, remembering everything. */
  unsure: boolean;
}

/**
 * Checks a ledger's events as they come, in the order of `$all`, streams of accounts and prices. What it keeps per account is the
 * account's present state and 8 bytes for each command and reservation; an account for which that does not suffice is read again
 * at the end, with an exact memory.
 */
export class LedgerVerification {
  events = 0;
  private readonly streams = new Map<string, AuditedStream>();
  private readonly prices = new PriceVersions();
  private readonly fingerprints = new FingerprintSet();
  private readonly problems: Problem[] = [];
  private problemsTotal = 0;

  constructor(private readonly checkpoints?: CheckpointVerification) {}

  /** Takes a message of `readAllMessages`. */
  takeMessage(bytes: Buffer): void {
    this.take(decodeRawEvent(bytes));
  }

  take(event: RawEvent): void {
    this.events += 1;
    let stream = this.streams.get(event.stream);
    if (!stream) {
      const audit = event.stream.startsWith(ACCOUNT_PREFIX)
        ? new AccountAudit(event.stream, this.prices, boundedMemory(event.stream, this.fingerprints))
        : undefined;
      stream = { head: NO_EVENT, audit, unsure: false };
      this.streams.set(event.stream, stream);
    }
    const { head, fact, problems } = verifyLink(stream.head, event);
    stream.head = head;
    this.checkpoints?.add(leafOfHash(head.hash), event.position);
    this.note(problems);
    if (!fact) return;
    if (!stream.audit) takePrice(this.prices, fact, (problem) => this.note([problem]));
    else if (!stream.unsure) stream.unsure = !takeSurely(stream.audit, fact);
  }

  /**
   * The report, after the last event.
   * @param reread an account's stream from its first event
   * @param at when it counts what is available
   */
  async end(reread: (stream: string) => AsyncIterable<RawEvent>, at: number): Promise<LedgerReport> {
    const sums = { open: 0, overdue: 0, ended: 0 };
    const figures = noFigures();
    let accounts = 0;
    for (const [name, stream] of this.streams) {
      if (!stream.audit) continue;
      const audit = stream.unsure ? await auditExactly(name, this.prices, reread(name), stream.head.revision) : stream.audit;
      this.note(audit.end());
      accounts += 1;
      const { reservations, ended } = audit.account;
      sums.ended += ended;
      sums.open += reservations.size;
      for (const { settleBy } of reservations.values()) if (settleBy <= at) sums.overdue += 1;
      addFigures(figures, audit.figures(at));
    }
    const { problems, problemsTotal, events } = this;
    return {
      problems,
      problemsTotal,
      events,
      accounts,
      priceVersions: this.prices.size,
      reservations: sums,
      figures,
      heads: new Map([...this.streams].map(([name, { head }]) => [name, head])),
      checkpoints: this.checkpoints?.end(),
    };
  }

  private note(problems: readonly Problem[]): void {
    for (const problem of problems) {
      this.problemsTotal += 1;
      if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
    }
  }
}

/** Takes an event of a `price-` stream. */
export function takePrice(prices: PriceVersions, fact: AuditedFact, note: (problem: Problem) => void): void {
  if (fact.type !== 'PricesPublished') return;
  try {
    prices.publish(fact.data, fact.position);
  } catch (error) {
    const { stream, revision, id: eventId, type } = fact;
    note({ rule: '11', stream, revision, eventId, type, text: (error as Error).message });
  }
}

/** Audits an account up to a revision, remembering everything; the chain is not checked again. */
async function auditExactly(
  stream: string,
  prices: PriceVersions,
  events: AsyncIterable<RawEvent>,
  last: number,
): Promise<AccountAudit> {
  const audit = new AccountAudit(stream, prices, exactMemory());
  for await (const event of events) {
    if (event.revision > last) break;
    const { fact } = verifyLink(NO_EVENT, event);
    if (fact) audit.take(fact);
  }
  return audit;
}

function takeSurely(audit: AccountAudit, fact: AuditedFact): boolean {
  try {
    audit.take(fact);
    return true;
  } catch (error) {
    if (error instanceof Unsure) return false;
    throw error;
  }
}

export const noFigures = (): AccountFigures => ({
  ...noTotals(),
  available: 0n,
  notInForce: 0n,
  held: 0n,
  frozen: 0n,
  receivable: 0n,
});

function addFigures(sum: AccountFigures, figures: AccountFigures): void {
  const target = sum as Record<keyof AccountFigures, bigint>;
  for (const name of Object.keys(figures) as (keyof AccountFigures)[]) target[name] += figures[name];
}
