/**
 * The account a second time, after the money rules and not after the code: plain numbers, lists that are searched from their
 * beginning, and no figure that is kept where it can be added up. Only for amounts that a double holds exactly.
 */
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';

type Of<Type extends AccountCommand['type']> = Extract<AccountCommand, { type: Type }>;

/** What the rules say to a command: refused and why, or accepted, with or without an effect. */
export type Verdict = 'done' | 'nothing' | { readonly reason: string; readonly [detail: string]: unknown };

export interface Figures {
  readonly lots: Readonly<Record<string, { remaining: number; held: number; frozen: number }>>;
  readonly keys: Readonly<Record<string, { spent: number; held: number }>>;
  readonly owed: number;
  readonly available: number;
  readonly tier: string;
}

interface Part {
  readonly lot: ModelLot;
  readonly amount: number;
}

interface ModelLot {
  readonly id: string;
  readonly asked: { grantId: string; kind: string; amount: number; priority: number; paymentId: string | undefined };
  readonly from: number;
  readonly until: number;
  /** Everything that came to the lot (+) or left it for good (−). */
  readonly postings: number[];
}

interface ModelReservation {
  readonly id: string;
  readonly generation: string;
  readonly keyId: string;
  readonly asked: number;
  readonly holds: Part[];
  settleBy: number;
  end: 'open' | 'settled' | 'released';
}

interface ModelKey {
  readonly id: string;
  readonly hash: string;
  name: string;
  limit: number | undefined;
  reset: string | undefined;
  until: number;
  revoked: boolean;
  /** Charges before this one are not counted: they fell into another kind of window. */
  countsFrom: number;
}

/** What a generation cost: who paid, in order, and what of that has been given back. */
interface Paid {
  readonly debits: { readonly lot: ModelLot; readonly amount: number; back: number }[];
  readonly shortfall: number;
  waived: number;
}

interface ModelDispute {
  readonly id: string;
  readonly paymentId: string;
  readonly lot: ModelLot;
  readonly claimed: number;
  frozen: number;
  end: 'open' | 'won' | 'lost';
}

export class ModelAccount {
  private opened: { username: string; as: string; tier: string } | undefined;
  private readonly lots: ModelLot[] = [];
  private readonly reservations: ModelReservation[] = [];
  private readonly keys: ModelKey[] = [];
  private readonly charges: { readonly keyId: string; readonly at: number; readonly cost: number }[] = [];
  private readonly generations = new Map<string, Paid>();
  private readonly debts: number[] = [];
  private readonly refunds: { id: string; generation: string; amount: number; intoExpired: string }[] = [];
  private readonly cashRefunds: { id: string; paymentId: string; amount: number }[] = [];
  private readonly disputes: ModelDispute[] = [];
  private readonly adjustments: { id: string; said: string }[] = [];

  /** Takes a command at a time that is never before that of the last one with an effect. */
  ask(command: AccountCommand, at: number): Verdict {
    if (!this.opened && command.type !== 'OpenAccount') return { reason: 'account_not_found' };
    switch (command.type) {
      case 'OpenAccount':
        return this.open(command, at);
      case 'ChangeTier':
        return this.changeTier(command);
      case 'IssueApiKey':
        return this.issueKey(command, at);
      case 'ChangeApiKey':
        return this.changeKey(command, at);
      case 'RevokeApiKey':
        return this.revokeKey(command);
      case 'GrantCredits':
        return this.grant(command, at);
      case 'ReserveCredits':
        return this.reserve(command, at);
      case 'ExtendReservation':
        return this.extend(command, at);
      case 'SettleReservation':
        return this.settle(command, at);
      case 'ReleaseReservation':
        return this.release(command, at);
      case 'ExpireCredits':
        return this.expire(this.lots, at);
      case 'RefundGeneration':
        return this.refundGeneration(command, at);
      case 'RefundTopUp':
        return this.refundTopUp(command, at);
      case 'FreezeLots':
        return this.freeze(command, at);
      case 'UnfreezeLots':
        return this.endDispute(command, 'won', at);
      case 'ClawBackCredits':
        return this.endDispute(command, 'lost', at);
      case 'AdjustCredits':
        return this.adjust(command, at);
    }
  }

  figures(at: number): Figures {
    return {
      lots: Object.fromEntries(
        this.lots.map((lot) => [lot.id, { remaining: sum(lot.postings), held: this.held(lot), frozen: this.frozen(lot) }]),
      ),
      keys: Object.fromEntries(
        this.keys.map((key) => [key.id, { spent: this.spentBy(key, at), held: sum(this.openOf(key).flatMap(amountsHeld)) }]),
      ),
      owed: this.owed(),
      available: this.owed() > 0 ? 0 : this.freeAt(at),
      tier: this.opened?.tier ?? 'free',
    };
  }

  private open({ accountId, username, tier, welcomeCredits }: Of<'OpenAccount'>, at: number): Verdict {
    const same = this.opened?.username === username && this.opened.as === tier;
    if (this.opened) return same ? 'nothing' : { reason: 'account_exists', accountId };
    this.opened = { username, tier, as: tier };
    if (welcomeCredits) this.give('welcome', 'promo', Number(welcomeCredits), at);
    return 'done';
  }

  private changeTier({ tier }: Of<'ChangeTier'>): Verdict {
    if (this.opened?.tier === tier) return 'nothing';
    if (this.opened) this.opened = { ...this.opened, tier };
    return 'done';
  }

  private issueKey({ keyId, secretHash, name, limit, limitReset, expiresAt }: Of<'IssueApiKey'>, at: number): Verdict {
    const known = this.keys.find((key) => key.id === keyId);
    if (known) return known.hash === secretHash ? 'nothing' : { reason: 'key_exists', keyId };
    if (expiresAt !== undefined && expiresAt <= at) return { reason: 'expiry_in_past', field: 'expires_at' };
    this.keys.push({
      id: keyId,
      hash: secretHash,
      name,
      limit: limit === undefined ? undefined : Number(limit),
      reset: limitReset,
      until: expiresAt ?? Number.POSITIVE_INFINITY,
      revoked: false,
      countsFrom: 0,
    });
    return 'done';
  }

  private changeKey(command: Of<'ChangeApiKey'>, at: number): Verdict {
    const key = this.keys.find(({ id }) => id === command.keyId);
    if (!key) return { reason: 'key_not_found', keyId: command.keyId };
    if (key.revoked) return { reason: 'key_revoked', keyId: command.keyId };
    const name = command.name ?? key.name;
    const limit = command.limit === undefined ? key.limit : command.limit === null ? undefined : Number(command.limit);
    let reset = command.limitReset === undefined ? key.reset : (command.limitReset ?? undefined);
    // Whoever lifts a limit need not say that its reset goes with it.
    if (command.limitReset === undefined && limit === undefined) reset = undefined;
    const until = command.expiresAt === undefined ? key.until : (command.expiresAt ?? Number.POSITIVE_INFINITY);
    if (reset !== undefined && limit === undefined) return { reason: 'reset_without_limit' };
    if (typeof command.expiresAt === 'number' && until <= at) return { reason: 'expiry_in_past', field: 'expires_at' };
    if (name === key.name && limit === key.limit && reset === key.reset && until === key.until) return 'nothing';
    const countsFrom = reset === key.reset ? key.countsFrom : this.charges.length;
    Object.assign(key, { name, limit, reset, until, countsFrom });
    return 'done';
  }

  private revokeKey({ keyId }: Of<'RevokeApiKey'>): Verdict {
    const key = this.keys.find(({ id }) => id === keyId);
    if (!key) return { reason: 'key_not_found', keyId };
    if (key.revoked) return 'nothing';
    key.revoked = true;
    return 'done';
  }

  private grant(command: Of<'GrantCredits'>, at: number): Verdict {
    const { grantId, kind, priority, paymentId, expiresAt } = command;
    const amount = Number(command.amount);
    const from = command.effectiveAt ?? at;
    const until = expiresAt ?? Number.POSITIVE_INFINITY;
    const asked = { grantId, kind, amount, priority, paymentId };
    const earlier = this.lots.find((lot) => lot.asked.grantId === grantId);
    if (earlier) {
      const same = JSON.stringify(earlier.asked) === JSON.stringify(asked) && earlier.until === until;
      const sameStart = command.effectiveAt === undefined || earlier.from === command.effectiveAt;
      return same && sameStart ? 'nothing' : { reason: 'grant_conflict', grantId };
    }
    if (paymentId !== undefined && this.lots.some((lot) => lot.asked.paymentId === paymentId))
      return { reason: 'payment_conflict', paymentId };
    if (until <= at || until <= from) return { reason: 'expiry_in_past', field: 'expires_at' };
    const repaid = kind === 'top_up' ? Math.min(amount, this.owed()) : 0;
    this.lots.push({ id: `lot-${this.lots.length + 1}`, asked, from, until, postings: [amount, -repaid] });
    this.debts.push(-repaid);
    return 'done';
  }

  private reserve(command: Of<'ReserveCredits'>, at: number): Verdict {
    const { reservationId: id, generationId: generation, keyId } = command;
    const asked = Number(command.amount);
    const earlier = this.reservations.find((one) => one.id === id);
    if (earlier) {
      const same = earlier.generation === generation && earlier.keyId === keyId && earlier.asked === asked;
      return earlier.end === 'open' && same ? 'nothing' : { reason: 'reservation_conflict', reservationId: id };
    }
    const key = this.keys.find((one) => one.id === keyId);
    if (!key || key.revoked || at >= key.until) return { reason: 'key_not_usable' };
    const refusal = this.refusal(key, Number(command.amount), at);
    if (refusal) return refusal;
    const holds = this.burnDown(Number(command.amount), at);
    this.reservations.push({ id, generation, keyId, asked, holds, settleBy: at + command.settleWithinMs, end: 'open' });
    return 'done';
  }

  private extend(command: Of<'ExtendReservation'>, at: number): Verdict {
    const one = this.reservations.find(({ id }) => id === command.reservationId);
    if (!one) return { reason: 'reservation_not_open', reservationId: command.reservationId };
    if (one.end !== 'open') return 'nothing';
    const more = Math.max(0, Number(command.amount) - heldBy(one));
    const settleBy = Math.max(one.settleBy, at + command.settleWithinMs);
    if (more === 0 && settleBy === one.settleBy) return 'nothing';
    const refusal = more > 0 && this.refusal(this.keys.find(({ id }) => id === one.keyId) as ModelKey, more, at);
    if (refusal) return refusal;
    one.holds.push(...this.burnDown(more, at));
    one.settleBy = settleBy;
    return 'done';
  }

  private settle(command: Of<'SettleReservation'>, at: number): Verdict {
    const cost = Number(command.cost.rounded);
    const one = this.reservations.find(({ id }) => id === command.reservationId);
    if (!one) return { reason: 'reservation_not_open', reservationId: command.reservationId };
    if (one.end === 'settled') return 'nothing';
    const late = one.end === 'released';
    const debits: Part[] = [];
    const returned: Part[] = [];
    let left = cost;
    for (const { lot, amount } of late ? [] : one.holds) {
      const pinned = at < lot.until || at < one.settleBy;
      const part = pinned ? Math.min(amount, left) : 0;
      left -= part;
      debits.push({ lot, amount: part });
      returned.push({ lot, amount: amount - part });
    }
    one.end = 'settled';
    for (const { lot, amount } of debits) lot.postings.push(-amount);
    const extra = this.owed() > 0 ? [] : this.burnDown(left, at);
    for (const { lot, amount } of extra) lot.postings.push(-amount);
    const shortfall = left - sum(amountsOf(extra));
    this.debts.push(shortfall);
    this.charges.push({ keyId: one.keyId, at, cost });
    const paid = [...debits, ...extra].map((part) => ({ ...part, back: 0 }));
    this.generations.set(one.generation, { debits: paid, shortfall, waived: 0 });
    this.comesBack(returned, at);
    return 'done';
  }

  private release({ reservationId, onlyOverdue }: Of<'ReleaseReservation'>, at: number): Verdict {
    const one = this.reservations.find(({ id }) => id === reservationId);
    if (!one) return { reason: 'reservation_not_open', reservationId };
    if (one.end !== 'open') return 'nothing';
    if (onlyOverdue && at < one.settleBy) return { reason: 'reservation_not_overdue', settleBy: one.settleBy };
    one.end = 'released';
    this.comesBack(one.holds, at);
    return 'done';
  }

  private expire(lots: readonly ModelLot[], at: number): Verdict {
    let done = false;
    for (const lot of lots) {
      if (at < lot.until || this.free(lot) === 0) continue;
      lot.postings.push(-this.free(lot));
      done = true;
    }
    return done ? 'done' : 'nothing';
  }

  private refundGeneration(command: Of<'RefundGeneration'>, at: number): Verdict {
    const { refundId: id, generationId: generation, intoExpired } = command;
    const asked = command.amount === undefined ? undefined : Number(command.amount);
    const earlier = this.refunds.find((one) => one.id === id);
    if (earlier) {
      const same = earlier.generation === generation && earlier.intoExpired === intoExpired;
      return same && (asked ?? earlier.amount) === earlier.amount ? 'nothing' : { reason: 'refund_conflict', refundId: id };
    }
    const paid = this.generations.get(generation) ?? { debits: [], shortfall: 0, waived: 0 };
    const waivable = Math.min(paid.shortfall - paid.waived, this.owed());
    const refundable = waivable + sum(paid.debits.map(({ amount, back }) => amount - back));
    const amount = asked ?? refundable;
    if (amount === 0 || amount > refundable) return { reason: 'refund_exceeds_cost', refundable };
    const waived = Math.min(waivable, amount);
    paid.waived += waived;
    this.debts.push(-waived);
    let left = amount - waived;
    let regranted = 0;
    const returned: Part[] = [];
    for (let index = paid.debits.length - 1; index >= 0; index--) {
      const debit = paid.debits[index] as Paid['debits'][number];
      const part = Math.min(debit.amount - debit.back, left);
      debit.back += part;
      left -= part;
      if (at >= debit.lot.until && intoExpired === 'goodwill') regranted += part;
      else returned.push({ lot: debit.lot, amount: part });
    }
    for (const { lot, amount } of returned) lot.postings.push(amount);
    this.comesBack(returned, at);
    if (regranted > 0) this.give(`refund:${id}`, 'goodwill', regranted, at);
    this.refunds.push({ id, generation, amount, intoExpired });
    return 'done';
  }

  private refundTopUp({ refundId: id, paymentId, amount: asked }: Of<'RefundTopUp'>, at: number): Verdict {
    const earlier = this.cashRefunds.find((one) => one.id === id);
    if (earlier) {
      const same = earlier.paymentId === paymentId && (asked === undefined || Number(asked) === earlier.amount);
      return same ? 'nothing' : { reason: 'refund_conflict', refundId: id };
    }
    const lot = this.lots.find((one) => one.asked.paymentId === paymentId);
    if (!lot) return { reason: 'payment_not_found', paymentId };
    if (this.owed() > 0) return { reason: 'account_owes', owed: this.owed() };
    // Never more money than the payment brought and nobody has taken back yet, whatever came to the lot besides.
    const unused = at < lot.until ? Math.min(this.free(lot), this.disputable(paymentId)) : 0;
    const amount = asked === undefined ? unused : Number(asked);
    if (amount === 0 || amount > unused) return { reason: 'refund_exceeds_unused', unused };
    lot.postings.push(-amount);
    this.cashRefunds.push({ id, paymentId, amount });
    return 'done';
  }

  private freeze({ disputeId: id, paymentId, amount }: Of<'FreezeLots'>, at: number): Verdict {
    const earlier = this.disputes.find((one) => one.id === id);
    if (earlier) {
      const same = earlier.paymentId === paymentId && (amount === undefined || Number(amount) === earlier.claimed);
      return same ? 'nothing' : { reason: 'dispute_conflict', disputeId: id };
    }
    const lot = this.lots.find((one) => one.asked.paymentId === paymentId);
    if (!lot) return { reason: 'payment_not_found', paymentId };
    const disputable = this.disputable(paymentId);
    const claimed = amount === undefined ? disputable : Number(amount);
    if (claimed === 0 || claimed > disputable) return { reason: 'dispute_exceeds_payment', disputable };
    const frozen = at < lot.until ? Math.min(this.free(lot), claimed) : 0;
    this.disputes.push({ id, paymentId, lot, claimed, frozen, end: 'open' });
    return 'done';
  }

  private endDispute({ disputeId }: { disputeId: string }, end: 'won' | 'lost', at: number): Verdict {
    const dispute = this.disputes.find(({ id }) => id === disputeId);
    if (!dispute) return { reason: 'dispute_not_found', disputeId };
    if (dispute.end === end) return 'nothing';
    if (dispute.end !== 'open') return { reason: 'dispute_ended', disputeId, as: dispute.end };
    const { frozen } = dispute;
    Object.assign(dispute, { end, frozen: 0 });
    if (end === 'won') {
      this.comesBack([{ lot: dispute.lot, amount: frozen }], at);
    } else {
      dispute.lot.postings.push(-frozen);
      this.debts.push(dispute.claimed - frozen);
    }
    return 'done';
  }

  private adjust({ adjustmentId: id, lines, requestedBy, approvedBy }: Of<'AdjustCredits'>, at: number): Verdict {
    const said = [requestedBy, approvedBy, ...lines.map(({ lotId, amount }) => `${lotId} ${amount}`)].join();
    const earlier = this.adjustments.find((one) => one.id === id);
    if (earlier) return earlier.said === said ? 'nothing' : { reason: 'adjustment_conflict', adjustmentId: id };
    if (requestedBy === approvedBy) return { reason: 'approver_is_requester' };
    for (const { lotId, amount } of lines) {
      const lot = this.lots.find((one) => one.id === lotId);
      if (!lot) return { reason: 'lot_not_found', lotId };
      if (at >= lot.until) return { reason: 'lot_expired', lotId };
      if (this.free(lot) + Number(amount) < 0) return { reason: 'adjustment_exceeds_free', lotId, free: this.free(lot) };
    }
    for (const { lotId, amount } of lines) this.lots.find((one) => one.id === lotId)?.postings.push(Number(amount));
    this.adjustments.push({ id, said });
    return 'done';
  }

  /** Credits came back to lots: what has expired goes, what is disputed is frozen, the older dispute first. */
  private comesBack(returned: readonly Part[], at: number): void {
    for (const lot of new Set(returned.map((part) => part.lot))) {
      let left = sum(returned.filter((part) => part.lot === lot).map(({ amount }) => amount));
      if (left === 0) continue;
      if (at >= lot.until) {
        this.expire([lot], at);
        continue;
      }
      for (const dispute of this.disputes.filter((one) => one.lot === lot && one.end === 'open')) {
        const frozen = Math.min(left, dispute.claimed - dispute.frozen);
        dispute.frozen += frozen;
        left -= frozen;
      }
    }
  }

  private give(grantId: string, kind: 'promo' | 'goodwill', amount: number, at: number): void {
    const asked = { grantId, kind, amount, priority: 50, paymentId: undefined };
    const until = Number.POSITIVE_INFINITY;
    this.lots.push({ id: `lot-${this.lots.length + 1}`, asked, from: at, until, postings: [amount] });
  }

  /** Why a key may not set an amount aside; undefined where it may. */
  private refusal(key: ModelKey, needed: number, at: number): Exclude<Verdict, string> | undefined {
    if (key.limit !== undefined) {
      const used = this.spentBy(key, at) + sum(this.openOf(key).flatMap(amountsHeld));
      const remaining = Math.max(0, key.limit - used);
      if (needed > remaining) return { reason: 'key_limit_exceeded', needed, remaining };
    }
    const owed = this.owed();
    const available = owed > 0 ? 0 : this.freeAt(at);
    if (owed === 0 && needed <= available) return undefined;
    const reserved = sum(this.lots.map((lot) => this.held(lot)));
    return { reason: 'insufficient_credits', needed, available, reserved, owed };
  }

  private burnDown(amount: number, at: number): Part[] {
    const parts: Part[] = [];
    let left = amount;
    for (const lot of this.lots.filter(({ from, until }) => from <= at && at < until).sort(mcphub1)) {
      const part = Math.min(left, this.free(lot));
      if (part > 0) parts.push({ lot, amount: part });
      left -= part;
    }
    return parts;
  }

  /** What a payment brought, less what was paid back, is disputed, or was lost in a dispute. */
  private disputable(paymentId: string): number {
    const lot = this.lots.find((one) => one.asked.paymentId === paymentId);
    const cash = this.cashRefunds.filter((one) => one.paymentId === paymentId).map(({ amount }) => amount);
    const claims = this.disputes.filter((one) => one.paymentId === paymentId && one.end !== 'won').map(({ claimed }) => claimed);
    return (lot?.asked.amount ?? 0) - sum(cash) - sum(claims);
  }

  private held(lot: ModelLot): number {
    const open = this.reservations.filter(({ end }) => end === 'open');
    return sum(open.flatMap(({ holds }) => holds.filter((part) => part.lot === lot).map(({ amount }) => amount)));
  }

  private frozen(lot: ModelLot): number {
    return sum(this.disputes.filter((one) => one.lot === lot).map(({ frozen }) => frozen));
  }

  private free(lot: ModelLot): number {
    return sum(lot.postings) - this.held(lot) - this.frozen(lot);
  }

  private freeAt(at: number): number {
    return sum(this.lots.filter(({ from, until }) => from <= at && at < until).map((lot) => this.free(lot)));
  }

  private owed(): number {
    return sum(this.debts);
  }

  private openOf(key: ModelKey): ModelReservation[] {
    return this.reservations.filter(({ end, keyId }) => end === 'open' && keyId === key.id);
  }

  private spentBy(key: ModelKey, at: number): number {
    const counted = this.charges.slice(key.countsFrom).filter((one) => one.keyId === key.id && one.at >= beginOf(key.reset, at));
    return sum(counted.map(({ cost }) => cost));
  }
}

const sum = (amounts: readonly number[]): number => amounts.reduce((total, amount) => total + amount, 0);
const amountsOf = (parts: readonly Part[]): number[] => parts.map(({ amount }) => amount);
const amountsHeld = ({ holds }: ModelReservation): number[] => amountsOf(holds);
const heldBy = (one: ModelReservation): number => sum(amountsHeld(one));
const isPaid = (lot: ModelLot): number => (lot.asked.kind === 'top_up' ? 1 : 0);

/** Priority, expiry (none last), free before paid, effective time, lot id as text. */
function mcphub1(a: ModelLot, b: ModelLot): number {
  if (a.asked.priority !== b.asked.priority) return a.asked.priority - b.asked.priority;
  if (a.until !== b.until) return a.until < b.until ? -1 : 1;
  if (isPaid(a) !== isPaid(b)) return isPaid(a) - isPaid(b);
  if (a.from !== b.from) return a.from - b.from;
  return a.id < b.id ? -1 : 1;
}

/** The beginning of a limit's window by the calendar, in UTC. */
export function beginOf(reset: string | undefined, at: number): number {
  if (reset === undefined) return Number.NEGATIVE_INFINITY;
  const date = new Date(at);
  date.setUTCHours(0, 0, 0, 0);
  while (reset === 'weekly' && date.getUTCDay() !== 1) date.setUTCDate(date.getUTCDate() - 1);
  if (reset === 'monthly') date.setUTCDate(1);
  return date.getTime();
}
