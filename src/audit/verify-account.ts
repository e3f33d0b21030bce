import type { EventStore } from '../event-store/event-store.js';
import type { RawEvent } from '../event-store/read-wire.js';
import { AccountAudit } from './rules/account-audit.js';
import { PriceVersions } from './rules/account-audit-prices.js';
import type { AuditedFact, Problem } from './rules/account-audit-rules.js';
import { type ChainHead, NO_EVENT, verifyLink } from './verify-chain.js';
import { takePrice } from './verify-ledger.js';

export interface AccountVerification {
  readonly audit: AccountAudit;
  readonly problems: readonly Problem[];
  readonly head: ChainHead;
  readonly events: number;
}

export interface AccountReading {
  /** Reading ends before the first event for which this does not hold. */
  readonly isWanted?: (event: RawEvent, fact: AuditedFact | undefined) => boolean;
  /** Called after each event, the audit being where the event has left it. */
  readonly after?: (event: RawEvent, fact: AuditedFact | undefined, audit: AccountAudit) => void | Promise<void>;
}

export const accountStreamOf = (accountId: string): string => `account-${accountId}`;

/** Reads one account from its first event and checks everything that a verification of the whole ledger checks about it. */
export async function verifyAccount(
  store: EventStore,
  accountId: string,
  { isWanted, after }: AccountReading = {},
): Promise<AccountVerification> {
  const prices = new PriceStreams(store);
  const stream = accountStreamOf(accountId);
  const audit = new AccountAudit(stream, prices.versions);
  const problems: Problem[] = [];
  let head = NO_EVENT;
  let events = 0;
  for await (const event of store.readRaw(stream)) {
    const link = verifyLink(head, event);
    if (isWanted && !isWanted(event, link.fact)) break;
    head = link.head;
    events += 1;
    problems.push(...link.problems);
    if (link.fact) {
      await prices.need(link.fact.data.priceVersion);
      audit.take(link.fact);
    }
    await after?.(event, link.fact, audit);
  }
  return { audit, problems: [...problems, ...prices.problems, ...audit.end()], head, events };
}

/** Price versions, read from their streams when an event names them. */
export class PriceStreams {
  readonly versions = new PriceVersions();
  readonly problems: Problem[] = [];
  /** The events of the streams read, by stream. */
  readonly events = new Map<string, RawEvent[]>();

  constructor(private readonly store: EventStore) {}

  /** @param priceVersion `author/slug@n` */
  async need(priceVersion: unknown): Promise<void> {
    if (typeof priceVersion !== 'string' || this.versions.get(priceVersion)) return;
    const stream = `price-${priceVersion.slice(0, priceVersion.lastIndexOf('@'))}`;
    if (this.events.has(stream)) return;
    const read: RawEvent[] = [];
    this.events.set(stream, read);
    for await (const event of this.store.readRaw(stream)) read.push(event);
    this.problems.push(...readPrices(read, this.versions));
  }
}

/** Takes the events of one price stream. @returns what is wrong with them */
export function readPrices(events: readonly RawEvent[], versions: PriceVersions): Problem[] {
  const problems: Problem[] = [];
  let head = NO_EVENT;
  for (const event of events) {
    const link = verifyLink(head, event);
    head = link.head;
    problems.push(...link.problems);
    if (link.fact) takePrice(versions, link.fact, (problem) => problems.push(problem));
  }
  return problems;
}
