/**
 * An auditor of the ledger that shares no code with it: reads an account's stream through the event store's public client,
 * recomputes the hash chain from the published rule (SHA-256 over RFC 8785, with the reference package), folds the events into
 * figures of its own, and checks the money rules after every event. Throws an AuditError that names the event and the rule.
 */
import { createHash } from 'node:crypto';
import { type EventStoreDBClient, StreamNotFoundError } from '@eventstore/db-client';
import canonicalize from 'canonicalize';

export class AuditError extends Error {}

// biome-ignore lint/suspicious/noExplicitAny: what a stream holds is checked here, not assumed
type Json = any;

export interface RecordedFact {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly data: Json;
  readonly metadata: Json;
}

export interface AuditedLot {
  readonly lotId: string;
  readonly priority: number;
  readonly costBasis: bigint;
  readonly effectiveAt: number;
  readonly expiresAt: number;
  readonly granted: bigint;
  debited: bigint;
  expired: bigint;
  repaid: bigint;
  held: bigint;
}

export interface AuditedReservation {
  readonly reservationId: string;
  readonly keyId: string;
  readonly amount: bigint;
  readonly holds: readonly { lotId: string; amount: bigint }[];
  readonly settleBy: number;
  end: 'open' | 'settled' | 'released';
  /** What the account pays for it; 0 until it is settled. */
  cost: bigint;
  usage: Readonly<Record<string, number>>;
  model: string;
}

interface AuditedKey {
  readonly limit: bigint | undefined;
  readonly resets: boolean;
  readonly expiresAt: number;
  revoked: boolean;
  spent: bigint;
  held: bigint;
}

/** What an account's events say, all of it checked. Amounts in nano-credits. */
export class AccountAudit {
  readonly lots = new Map<string, AuditedLot>();
  readonly reservations = new Map<string, AuditedReservation>();
  readonly grants = new Set<string>();
  readonly facts: RecordedFact[] = [];
  /** Σ cost of everything settled. */
  spent = 0n;
  receivable = 0n;
  private readonly keys = new Map<string, AuditedKey>();
  private readonly eventIds = new Set<string>();
  private readonly commands = new Set<string>();
  private previousHash = '0'.repeat(64);
  private previousCommand: string | undefined;
  private at = 0;
  /** Expired lots to which something was given back: the same command must write that off. */
  private readonly givenBack = new Set<string>();

  constructor(readonly stream: string) {}

  get held(): bigint {
    return sum([...this.lots.values()].map((lot) => lot.held));
  }

  /** Σ eligible (remaining − held), without regard to what the account owes. */
  free(at = this.at): bigint {
    return sum(this.eligible(at).map(freeOf));
  }

  available(at = this.at): bigint {
    return this.receivable > 0n ? 0n : this.free(at);
  }

  ended(as: 'open' | 'settled' | 'released'): AuditedReservation[] {
    return [...this.reservations.values()].filter(({ end }) => end === as);
  }

  /** Takes the stream's next event. */
  take(fact: RecordedFact): void {
    this.verifyChain(fact);
    const at = Date.parse(fact.metadata.occurredAt);
    this.must(fact, Number.isFinite(at) && at >= this.at, 'time does not run backwards');
    if (fact.metadata.commandId !== this.previousCommand) {
      this.nothingLeftInExpiredLots(fact);
      this.must(fact, !this.commands.has(fact.metadata.commandId), `command ${fact.metadata.commandId} has one effect`);
      this.commands.add(fact.metadata.commandId);
      this.previousCommand = fact.metadata.commandId;
    }
    this.at = at;
    const handle = this.handlers[fact.type];
    this.must(fact, handle !== undefined, 'every event is known');
    handle?.(fact.data, fact);
    this.checkFigures(fact);
    this.facts.push(fact);
  }

  /** What must hold at the end of the stream. */
  close(): this {
    const last = this.facts.at(-1);
    if (last) this.nothingLeftInExpiredLots(last);
    return this;
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

  private readonly handlers: Readonly<Record<string, (data: Json, fact: RecordedFact) => void>> = {
    AccountOpened: (data, fact) =>
      this.must(fact, fact.revision === 0n && this.stream === `account-${data.accountId}`, 'it opens first'),
    ApiKeyIssued: (data) =>
      this.keys.set(data.keyId, {
        limit: data.limit === undefined ? undefined : BigInt(data.limit),
        resets: data.limitReset !== undefined,
        expiresAt: data.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(data.expiresAt),
        revoked: false,
        spent: 0n,
        held: 0n,
      }),
    ApiKeyRevoked: (data, fact) => {
      this.key(data.keyId, fact).revoked = true;
    },
    CreditsGranted: (data, fact) => {
      this.must(fact, !this.grants.has(data.grantId) && !this.lots.has(data.lotId), 'a grant is made once');
      this.grants.add(data.grantId);
      this.lots.set(data.lotId, {
        lotId: data.lotId,
        priority: data.priority,
        costBasis: BigInt(data.costBasis),
        effectiveAt: Date.parse(data.effectiveAt),
        expiresAt: data.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(data.expiresAt),
        granted: BigInt(data.amount),
        debited: 0n,
        expired: 0n,
        repaid: 0n,
        held: 0n,
      });
    },
    CreditsReserved: (data, fact) => this.reserve(data, fact),
    ReservationSettled: (data, fact) => this.settle(data, fact),
    ReservationReleased: (data, fact) => {
      const reservation = this.end(data, fact, 'released');
      this.must(fact, sum(amounts(data.releases)) === reservation.amount, 'a release gives all of it back');
      this.must(fact, canonicalize(partsOf(data.releases)) === canonicalize(partsOf(reservation.holds)), 'to where it was');
      this.giveBack(data.releases, fact);
    },
    CreditsExpired: (data, fact) => {
      const lot = this.lot(data.lotId, fact);
      this.must(fact, lot.expiresAt <= this.at, 'only expired lots expire');
      this.must(fact, BigInt(data.amount) > 0n && BigInt(data.amount) <= freeOf(lot), 'a hold does not expire');
      lot.expired += BigInt(data.amount);
    },
    ShortfallRepaid: (data, fact) => {
      const lot = this.lot(data.lotId, fact);
      this.must(fact, lot.costBasis > 0n && BigInt(data.amount) <= freeOf(lot), 'a paid lot repays what the account owes');
      lot.repaid += BigInt(data.amount);
      this.receivable -= BigInt(data.amount);
    },
  };

  private reserve(data: Json, fact: RecordedFact): void {
    const key = this.key(data.keyId, fact);
    const amount = BigInt(data.amount);
    const holds = (data.holds as Json[]).map((hold) => ({ lotId: hold.lotId as string, amount: BigInt(hold.amount) }));
    this.must(fact, !key.revoked && this.at < key.expiresAt, 'the key may be used');
    this.must(fact, this.receivable === 0n, 'nothing is reserved while the account owes');
    this.must(fact, !this.reservations.has(data.reservationId), 'a reservation is made once');
    if (key.limit !== undefined && !key.resets)
      this.must(fact, key.spent + key.held + amount <= key.limit, "the key's limit is kept");
    const expected = canonicalize(partsOf(this.firstFree(amount)));
    this.must(fact, sum(holds.map((hold) => hold.amount)) === amount, 'the holds are what was reserved');
    this.must(fact, canonicalize(partsOf(holds)) === expected, 'the lots are taken in burn-down order, what is free of them');
    for (const hold of holds) this.lot(hold.lotId, fact).held += hold.amount;
    key.held += amount;
    this.reservations.set(data.reservationId, {
      reservationId: data.reservationId,
      keyId: data.keyId,
      amount,
      holds,
      settleBy: Date.parse(data.settleBy),
      end: 'open',
      cost: 0n,
      usage: {},
      model: data.quote.model,
    });
  }

  private settle(data: Json, fact: RecordedFact): void {
    const { cost, usage } = data;
    const rounded = BigInt(cost.rounded);
    this.checkCost(cost, usage, fact);
    const reservation = this.end(data, fact, 'settled');
    const shortfall = BigInt(data.shortfall);
    const [debited, releases] = [sum(amounts(data.debits)), sum(amounts(data.releases))];
    const extra = rounded > reservation.amount ? rounded - reservation.amount : 0n;
    this.must(fact, rounded === debited + shortfall, 'the cost is the debits and the shortfall');
    this.must(
      fact,
      debited + releases === reservation.amount + (extra - shortfall),
      'debits and releases are the holds and extra debits',
    );

    const expected: { lotId: string; amount: bigint }[] = [];
    let left = rounded;
    for (const { lotId, amount } of reservation.holds) {
      const part = left < amount ? left : amount;
      if (part > 0n) expected.push({ lotId, amount: part });
      const lot = this.lot(lotId, fact);
      this.must(fact, part === 0n || this.at < lot.expiresAt || this.at < reservation.settleBy, 'a pin lasts until settleBy');
      lot.debited += part;
      left -= part;
    }
    const beyond = this.receivable > 0n ? [] : this.firstFree(left);
    for (const { lotId, amount } of beyond) this.lot(lotId, fact).debited += amount;
    const debits = canonicalize(partsOf([...expected, ...beyond]));
    this.must(fact, canonicalize(partsOf(data.debits)) === debits, 'its own holds pay in order, then what is free, in order');
    this.must(fact, shortfall === left - sum(beyond.map(({ amount }) => amount)), 'only what nobody can pay is owed');
    this.receivable += shortfall;
    this.spent += rounded;
    reservation.cost = rounded;
    reservation.usage = usage.classes;
    reservation.model = data.model;
    this.key(reservation.keyId, fact).spent += rounded;
    this.giveBack(data.releases, fact);
  }

  /** tokens × price line by line, summed exactly, rounded up once. */
  private checkCost(cost: Json, usage: Json, fact: RecordedFact): void {
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

  private end(data: Json, fact: RecordedFact, as: 'settled' | 'released'): AuditedReservation {
    const reservation = this.reservations.get(data.reservationId);
    if (!reservation) throw this.broken(fact, 'what ends was reserved');
    this.must(fact, reservation.end === 'open', 'a reservation ends once');
    reservation.end = as;
    for (const { lotId, amount } of reservation.holds) this.lot(lotId, fact).held -= amount;
    this.key(reservation.keyId, fact).held -= reservation.amount;
    return reservation;
  }

  private giveBack(releases: Json[], fact: RecordedFact): void {
    for (const { lotId } of releases) if (this.lot(lotId, fact).expiresAt <= this.at) this.givenBack.add(lotId);
  }

  private nothingLeftInExpiredLots(fact: RecordedFact): void {
    for (const lotId of this.givenBack)
      this.must(fact, freeOf(this.lot(lotId, fact)) === 0n, `what was given back to ${lotId} expires at once`);
    this.givenBack.clear();
  }

  private checkFigures(fact: RecordedFact): void {
    for (const lot of this.lots.values()) {
      this.must(fact, lot.held >= 0n && lot.held <= remainingOf(lot), `0 ≤ held ≤ remaining of ${lot.lotId}`);
    }
    for (const key of this.keys.values()) this.must(fact, key.held >= 0n, 'no key holds less than nothing');
    this.must(fact, this.free() >= 0n && this.receivable >= 0n, 'neither credit nor debt is negative');
    const open = this.ended('open');
    this.must(fact, this.held === sum(open.map(({ amount }) => amount)), 'what is held is what open reservations set aside');
    const paid = sum([...this.lots.values()].map((lot) => lot.debited + lot.repaid));
    this.must(fact, paid + this.receivable === this.spent, 'all that was spent was paid or is owed');
  }

  private eligible(at: number): AuditedLot[] {
    return [...this.lots.values()].filter((lot) => lot.effectiveAt <= at && at < lot.expiresAt).sort(inBurnDownOrder);
  }

  /** The parts of what is free that pay an amount, as far as they can. */
  private firstFree(amount: bigint): { lotId: string; amount: bigint }[] {
    const parts: { lotId: string; amount: bigint }[] = [];
    let left = amount;
    for (const lot of this.eligible(this.at)) {
      const part = left < freeOf(lot) ? left : freeOf(lot);
      if (part > 0n) parts.push({ lotId: lot.lotId, amount: part });
      left -= part;
    }
    return parts;
  }

  private lot(lotId: string, fact: RecordedFact): AuditedLot {
    const lot = this.lots.get(lotId);
    if (!lot) throw this.broken(fact, `lot ${lotId} was granted`);
    return lot;
  }

  private key(keyId: string, fact: RecordedFact): AuditedKey {
    const key = this.keys.get(keyId);
    if (!key) throw this.broken(fact, `key ${keyId} was issued`);
    return key;
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
  const audit = new AccountAudit(`account-${accountId}`);
  for await (const fact of readFacts(client, audit.stream)) audit.take(fact);
  return audit.close();
}

async function* readFacts(client: EventStoreDBClient, stream: string): AsyncGenerator<RecordedFact> {
  try {
    for await (const { event } of client.readStream(stream)) {
      if (!event) continue;
      const { id, type, streamId, revision, data, metadata } = event;
      yield { id, type, stream: streamId, revision, data, metadata };
    }
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
}

const remainingOf = (lot: AuditedLot): bigint => lot.granted - lot.debited - lot.expired - lot.repaid;
const freeOf = (lot: AuditedLot): bigint => remainingOf(lot) - lot.held;
const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
const amounts = (parts: Json[]): bigint[] => parts.map(({ amount }) => BigInt(amount));
const partsOf = (parts: readonly { lotId: string; amount: bigint | string }[]) =>
  parts.map(({ lotId, amount }) => ({ lotId, amount: amount.toString() }));

/** `mcphub@1`: priority, expiry (none last), cost basis, effective time, lot id. */
function inBurnDownOrder(a: AuditedLot, b: AuditedLot): number {
  const keys = (lot: AuditedLot) => [lot.priority, lot.expiresAt, lot.costBasis, lot.effectiveAt, lot.lotId] as const;
  const [left, right] = [keys(a), keys(b)];
  for (const [index, one] of left.entries()) {
    const other = right[index] as typeof one;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}
