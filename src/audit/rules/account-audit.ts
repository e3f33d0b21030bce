import {
  creditsAdjusted,
  creditsClawedBack,
  generationRefunded,
  lotsFrozen,
  lotsUnfrozen,
  topUpRefunded,
} from './account-audit-corrections.js';
import {
  accountOpened,
  creditsExpired,
  creditsGranted,
  keyChanged,
  keyIssued,
  keyRevoked,
  shortfallRepaid,
  tierChanged,
} from './account-audit-grants.js';
import { type AuditMemory, exactMemory, Unsure } from './account-audit-memory.js';
import { type PriceVersions } from './account-audit-prices.js';
import { extended, released, reserved, settled, settledLate } from './account-audit-reservations.js';
import { type AuditedFact, Check, type Json, type Problem } from './account-audit-rules.js';
import { AuditedAccount, type AuditTotals, balanceOf, freeOf } from './account-audit-state.js';

const HANDLERS: Readonly<Record<string, (account: AuditedAccount, data: Json, check: Check, memory: AuditMemory) => void>> = {
  AccountOpened: accountOpened,
  TierChanged: tierChanged,
  ApiKeyIssued: keyIssued,
  ApiKeyChanged: keyChanged,
  ApiKeyRevoked: keyRevoked,
  CreditsGranted: creditsGranted,
  CreditsReserved: reserved,
  ReservationExtended: extended,
  ReservationSettled: settled,
  ReservationReleased: released,
  LateSettlementRecorded: settledLate,
  CreditsExpired: creditsExpired,
  ShortfallRepaid: shortfallRepaid,
  GenerationRefunded: generationRefunded,
  TopUpRefunded: topUpRefunded,
  LotsFrozen: lotsFrozen,
  LotsUnfrozen: lotsUnfrozen,
  CreditsClawedBack: creditsClawedBack,
  CreditsAdjusted: creditsAdjusted,
};

const UTC_MILLISECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export interface AccountFigures extends AuditTotals {
  readonly available: bigint;
  /** Free, but in lots that are not in force: not yet, or no longer and not yet written off; or barred by what is owed. */
  readonly notInForce: bigint;
  readonly held: bigint;
  readonly frozen: bigint;
  readonly receivable: bigint;
}

/**
 * An auditor of one account, who shares no code with the accounts: folds its events into figures of its own, and checks the money
 * rules after every event. What breaks a rule is noted and then booked as it is stated, so that one wrong event is one problem.
 */
export class AccountAudit {
  readonly account: AuditedAccount;
  readonly check = new Check();
  private command: string | undefined;
  private index = -1;
  /** What the events of the present command still have to bring. */
  private due: (() => void)[] = [];

  constructor(
    readonly stream: string,
    prices: PriceVersions,
    private readonly memory: AuditMemory = exactMemory(),
  ) {
    this.account = new AuditedAccount(prices);
  }

  get problems(): readonly Problem[] {
    return this.check.problems;
  }

  /** Takes the stream's next event. @throws Unsure where only an exact memory can tell */
  take(fact: AuditedFact): void {
    try {
      this.takeEnvelope(fact);
      this.check.fact = fact;
      const handle = HANDLERS[fact.type];
      if (!handle) {
        this.check.note('11', `events of type ${fact.type} are unknown`);
        return;
      }
      this.check.must('10', this.account.opened || fact.type === 'AccountOpened', 'the account was not opened');
      this.expect(fact);
      handle(this.account, fact.data, this.check, this.memory);
      this.check.must('2', this.account.receivable >= 0n, 'what is owed is negative');
    } catch (error) {
      if (error instanceof Unsure) throw error;
      this.check.fact = fact;
      this.check.note('11', `the event cannot be read: ${(error as Error).message}`);
    }
  }

  /** What must hold after the last event. Call once. */
  end(): readonly Problem[] {
    this.endCommand();
    if (!this.check.fact) return this.problems;
    const { totals, lots, reservations } = this.account;
    const sums = { granted: 0n, spent: 0n, expired: 0n, clawedBack: 0n, cashRefunded: 0n, refunded: 0n, adjusted: 0n };
    let held = 0n;
    for (const lot of lots.values()) {
      this.check.must('1', lot.remaining === balanceOf(lot), () => `${lot.lotId} does not add up`);
      sums.granted += lot.granted;
      sums.spent += lot.debited + lot.repaid;
      sums.expired += lot.expired;
      sums.clawedBack += lot.clawedBack;
      sums.cashRefunded += lot.cashRefunded;
      sums.refunded += lot.returned;
      sums.adjusted += lot.adjusted;
      held += lot.held;
    }
    for (const [name, sum] of Object.entries(sums)) {
      const total = totals[name as keyof AuditTotals];
      this.check.must('2', sum === total, () => `${name}: the lots say ${sum}, the events ${total} nano-credits`);
    }
    let open = 0n;
    for (const { amount } of reservations.values()) open += amount;
    this.check.must('2', held === open, () => `the lots hold ${held}, the open reservations ${open} nano-credits`);
    return this.problems;
  }

  figures(at = this.account.at): AccountFigures {
    const { account } = this;
    let [held, frozen, free] = [0n, 0n, 0n];
    for (const lot of account.lots.values()) {
      held += lot.held;
      frozen += lot.frozen;
      free += freeOf(lot);
    }
    const available = account.available(at);
    return { ...account.totals, available, notInForce: free - available, held, frozen, receivable: account.receivable };
  }

  private takeEnvelope(fact: AuditedFact): void {
    const { commandId, index, occurredAt } = fact.metadata;
    const at = Date.parse(occurredAt);
    const isNew = commandId !== this.command;
    if (isNew) this.endCommand();
    this.check.fact = fact;
    if (isNew) {
      this.check.must('8', this.memory.add(`command:${commandId}`), `command ${commandId} had an effect before`);
      this.command = commandId;
      this.index = -1;
    }
    this.index += 1;
    this.check.must(
      '8',
      index === this.index,
      () => `the event is number ${index} of its command and comes as number ${this.index}`,
    );
    this.check.must('10', UTC_MILLISECONDS.test(occurredAt) && at >= this.account.at, 'time runs backwards, or is none');
    if (at >= this.account.at) this.account.at = at;
    this.account.position = fact.position;
  }

  private endCommand(): void {
    if (this.due.length === 0) return;
    for (const isBrought of this.due) isBrought();
    this.due = [];
  }

  /** Notes what an event makes necessary in the same command. */
  private expect(fact: AuditedFact): void {
    const { account } = this;
    const { type, data } = fact;
    if (type === 'CreditsGranted' && data.kind === 'top_up' && account.receivable > 0n) {
      const left = account.receivable - BigInt(data.amount);
      this.promise(fact, '2', 'a paid lot does not repay what is owed', () => account.receivable === (left > 0n ? left : 0n));
    }
    for (const { lotId, amount } of returnsOf(fact)) this.expectConsequence(fact, String(lotId), BigInt(amount));
    if (type === 'GenerationRefunded' && BigInt(data.regranted) > 0n) {
      const after = account.totals.granted + BigInt(data.regranted);
      const isGranted = () => account.grants.has(`refund:${data.refundId}`) && account.totals.granted === after;
      this.promise(fact, 'R', 'the new lot that the refund names was not granted', isGranted);
    }
  }

  /** What comes back to an expired lot expires at once; what comes back to a disputed one is frozen at once. */
  private expectConsequence(fact: AuditedFact, lotId: string, amount: bigint): void {
    const { account } = this;
    const lot = account.lots.get(lotId);
    if (!lot) return;
    if (account.at >= lot.expiresAt) {
      this.promise(fact, '6', `what came back to ${lotId} has not expired with it`, () => freeOf(lot) === 0n);
      return;
    }
    if (lot.paymentId === undefined || fact.type === 'LotsUnfrozen') return;
    for (const { status, paymentId, frozen, claimed } of account.disputes.values()) {
      if (status !== 'open' || paymentId !== lot.paymentId) continue;
      const before = frozen.get(lotId) ?? 0n;
      const due = before + amount < claimed ? before + amount : claimed;
      this.promise(fact, 'D', `what came back to ${lotId} was not frozen`, () => (frozen.get(lotId) ?? 0n) >= due);
      return;
    }
  }

  private promise(fact: AuditedFact, rule: Problem['rule'], text: string, holds: () => boolean): void {
    this.due.push(() => {
      this.check.fact = fact;
      this.check.must(rule, holds(), text);
    });
  }
}

function returnsOf({ type, data }: AuditedFact): readonly Json[] {
  switch (type) {
    case 'ReservationSettled':
    case 'ReservationReleased':
      return data.releases;
    case 'GenerationRefunded':
      return data.credits;
    case 'LotsUnfrozen':
      return data.lots;
    default:
      return [];
  }
}
