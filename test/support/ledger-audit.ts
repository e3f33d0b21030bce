/**
 * The auditor of the ledger (`src/audit`, which shares no code with the accounts) for tests, by a way of its own to the events:
 * the event store's public client reads them, and the hash chain is recomputed from the published rule (SHA-256 over RFC 8785)
 * with the reference package. Throws an AuditError that names the event and the rule.
 */
import { createHash } from 'node:crypto';
import { type EventStoreDBClient, StreamNotFoundError } from '@eventstore/db-client';
import canonicalize from 'canonicalize';
import { AccountAudit as Auditor } from '../../src/audit/rules/account-audit.js';
import { PriceVersions } from '../../src/audit/rules/account-audit-prices.js';
import type { Problem } from '../../src/audit/rules/account-audit-rules.js';

export class AuditError extends Error {}

// biome-ignore lint/suspicious/noExplicitAny: what a stream holds is checked here, not assumed
type Json = any;

export interface RecordedFact {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly data: Json;
  readonly metadata: Json;
}

export interface AuditedReservation {
  readonly reservationId: string;
  end: 'open' | 'settled' | 'released';
}

/** What an account's events say, all of it checked. Amounts in nano-credits. */
export class AccountAudit {
  readonly facts: RecordedFact[] = [];
  readonly reservations = new Map<string, AuditedReservation>();
  private readonly prices = new PriceVersions();
  private readonly auditor: Auditor;
  private readonly eventIds = new Set<string>();
  private previousHash = '0'.repeat(64);

  /** @param prices facts of the price streams; undefined where the test has none, and costs are checked by their lines alone */
  constructor(
    readonly stream: string,
    private readonly published: readonly RecordedFact[] | undefined,
  ) {
    for (const { type, data, position } of published ?? []) if (type === 'PricesPublished') this.prices.publish(data, position);
    this.auditor = new Auditor(stream, this.prices);
  }

  /** Σ cost of everything settled. */
  get spent(): bigint {
    return this.auditor.account.totals.charged;
  }

  get receivable(): bigint {
    return this.auditor.account.receivable;
  }

  get held(): bigint {
    return this.auditor.figures().held;
  }

  /** Free in eligible lots, without regard to what the account owes. */
  free(at = this.auditor.account.at): bigint {
    return this.auditor.account.free(at);
  }

  get grants(): ReadonlySet<string> {
    return this.auditor.account.grants;
  }

  available(at = this.auditor.account.at): bigint {
    return this.auditor.account.available(at);
  }

  ended(as: 'open' | 'settled' | 'released'): AuditedReservation[] {
    return [...this.reservations.values()].filter(({ end }) => end === as);
  }

  /** Takes the stream's next event. */
  take(fact: RecordedFact): void {
    this.verifyChain(fact);
    this.auditor.take({ ...fact, revision: Number(fact.revision) });
    this.note(fact);
    if (fact.data.cost) this.checkCost(fact);
    this.mustBeSound(fact);
    this.facts.push(fact);
  }

  /** What must hold at the end of the stream. */
  close(): this {
    this.auditor.end();
    const last = this.facts.at(-1);
    if (last) this.mustBeSound(last);
    return this;
  }

  private mustBeSound(fact: RecordedFact): void {
    const counts = ({ rule }: Problem) => rule !== '7' || this.published !== undefined;
    const problem = this.auditor.problems.find(counts);
    if (problem) throw this.broken(fact, `rule ${problem.rule}, ${problem.text}`);
  }

  private note({ type, data }: RecordedFact): void {
    const { reservationId } = data;
    const known = this.reservations.get(reservationId);
    if (type === 'CreditsReserved') this.reservations.set(reservationId, { reservationId, end: 'open' });
    else if (known && type === 'ReservationSettled') known.end = 'settled';
    else if (known && type === 'ReservationReleased') known.end = 'released';
  }

  private verifyChain(fact: RecordedFact): void {
    const { hash, ...metadata } = fact.metadata;
    const { data, id, stream, type } = fact;
    const text = canonicalize({ data, metadata, revision: fact.revision.toString(), stream, type }) as string;
    this.must(fact, fact.revision === BigInt(this.facts.length), 'revisions have no gap');
    this.must(fact, metadata.previousHash === this.previousHash, 'the event is chained to the one before it');
    this.must(fact, createHash('sha256').update(text).digest('hex') === hash, 'the event is what was hashed');
    this.must(fact, !this.eventIds.has(id), `event id ${id} is unique`);
    this.eventIds.add(id);
    this.previousHash = hash;
  }

  /** tokens × price line by line, summed exactly, rounded up once: all that can be said without a price book. */
  private checkCost(fact: RecordedFact): void {
    const { cost, usage } = fact.data;
    const used = Object.entries(usage.classes as Record<string, number>).filter(([, tokens]) => tokens > 0);
    const lines = new Map((cost.lines as Json[]).map((line) => [line.class, line]));
    let exact = 0n;
    for (const [name, tokens] of used) {
      const line = lines.get(name);
      this.must(fact, line?.tokens === tokens, `${name} is priced once`);
      this.must(fact, BigInt(line.amount) === BigInt(tokens) * BigInt(line.price), `${name} costs tokens × price`);
      exact += BigInt(line.amount);
    }
    this.must(fact, lines.size === used.length && cost.lines.length === lines.size, 'nothing is priced that was not used');
    this.must(fact, BigInt(cost.exact) === exact, 'the exact cost is the sum of its lines');
    this.must(fact, BigInt(cost.rounded) === (exact + 999n) / 1000n, 'the cost is rounded up, once');
  }

  private must(fact: RecordedFact, holds: boolean, rule: string): void {
    if (!holds) throw this.broken(fact, rule);
  }

  private broken(fact: RecordedFact, rule: string): AuditError {
    return new AuditError(`${fact.stream}@${fact.revision} ${fact.type} breaks: ${rule}\n${JSON.stringify(fact.data)}`);
  }
}

/** Audits an account from its first event to its last. */
export async function auditAccount(client: EventStoreDBClient, accountId: string): Promise<AccountAudit> {
  const stream = `account-${accountId}`;
  const facts = await readFacts(client, stream);
  const versions = new Set(facts.flatMap(({ data }) => (data.cost ? [String(data.priceVersion)] : [])));
  const models = new Set([...versions].map((version) => version.slice(0, version.lastIndexOf('@'))));
  const prices = (await Promise.all([...models].map((model) => readFacts(client, `price-${model}`)))).flat();
  const audit = new AccountAudit(stream, prices.length > 0 ? prices : undefined);
  for (const fact of facts) audit.take(fact);
  return audit.close();
}

async function readFacts(client: EventStoreDBClient, stream: string): Promise<RecordedFact[]> {
  const facts: RecordedFact[] = [];
  try {
    for await (const { event, commitPosition } of client.readStream(stream)) {
      if (!event) continue;
      const { id, type, streamId, revision, data, metadata } = event;
      facts.push({ id, type, stream: streamId, revision, position: commitPosition ?? 0n, data, metadata });
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return facts;
}
