/**
 * The ledger kept from an account's events alone: every figure is added up again here, and the money rules ("What must always
 * hold", 1 to 6 and 8) are checked at every event and after every step. Shares no code with the fold that it checks.
 */
import type { AccountEvent, LotAmount } from '../../src/accounts/domain/accounts.events.js';

type Data<Type extends AccountEvent['type']> = Extract<AccountEvent, { type: Type }>['data'];

/** A rule of the ledger that an event breaks. */
export class RuleBroken extends Error {}

interface LotPage {
  readonly id: string;
  readonly order: readonly (number | bigint | string)[];
  readonly paid: boolean;
  readonly costBasis: bigint;
  readonly paymentId: string | undefined;
  readonly from: number;
  readonly until: number;
  readonly granted: bigint;
  /** What moved, by the reason for it. */
  readonly moved: Record<'adjusted' | 'refunded' | 'debited' | 'repaid' | 'expired' | 'clawedBack' | 'cashed', bigint>;
}

interface ReservationPage {
  readonly holds: LotAmount[];
  settleBy: number;
  end: 'open' | 'settled' | 'released' | 'settled late';
}

interface GenerationPage {
  readonly debits: LotAmount[];
  readonly shortfall: bigint;
  readonly credits: LotAmount[];
  given: bigint;
  waived: bigint;
}

interface DisputePage {
  readonly paymentId: string;
  readonly claimed: bigint;
  frozen: readonly LotAmount[];
  end: 'open' | 'won' | 'lost';
}

export class Books {
  readonly lots = new Map<string, LotPage>();
  readonly reservations = new Map<string, ReservationPage>();
  readonly generations = new Map<string, GenerationPage>();
  readonly disputes = new Map<string, DisputePage>();
  /** Σ cost of all that was settled. */
  cost = 0n;
  owed = 0n;
  private readonly ids = new Set<string>();
  private clawedBackSpent = 0n;
  private waived = 0n;
  private at = Number.NEGATIVE_INFINITY;
  private current = '';
  /** In this step: what came back to lots, what was frozen of them then, and what must still be granted anew. */
  private readonly cameBack = new Map<string, bigint>();
  private readonly froze = new Map<string, bigint>();
  private toRegrant = 0n;

  /** Enters the event that comes next; throws RuleBroken. */
  post(event: AccountEvent, at: number): void {
    this.current = `${event.type} ${JSON.stringify(event.data)}`;
    this.must(at >= this.at, 'time does not run backwards');
    this.at = at;
    this.enter(event);
    for (const lot of this.lots.values()) this.checkLot(lot);
    this.must(this.owed >= 0n, 'a debt is never negative');
  }

  /** What must hold when all events of a command, or of several, are entered. */
  endStep(): void {
    for (const [lotId, amount] of this.cameBack) {
      const lot = this.lot(lotId);
      const hasExpired = lot.until <= this.at;
      this.must(!hasExpired || this.free(lot) === 0n, `what came back to expired ${lotId} expires at once`);
      const disputes = [...this.disputes.values()].filter((one) => one.end === 'open' && one.paymentId === lot.paymentId);
      const unfrozen = disputes.reduce((all, { claimed, frozen }) => all + claimed - total(frozen), 0n);
      const isFrozen = unfrozen === 0n || (this.froze.get(lotId) ?? 0n) >= amount;
      this.must(hasExpired || lot.paymentId === undefined || isFrozen, `what came back to disputed ${lotId} is frozen`);
    }
    this.cameBack.clear();
    this.froze.clear();
    this.must(this.toRegrant === 0n, 'what a refund grants anew is granted');
    const lots = [...this.lots.values()];
    const all = (of: (lot: LotPage) => bigint) => lots.reduce((sum, lot) => sum + of(lot), 0n);
    const came = all(({ granted, moved }) => granted + moved.adjusted + moved.refunded);
    const gone = all(({ moved }) => moved.debited + moved.repaid + moved.expired + moved.clawedBack + moved.cashed);
    this.must(came === all((lot) => this.remaining(lot)) + gone, 'nothing is made or lost');
    const paid = all(({ moved }) => moved.debited + moved.repaid);
    this.must(
      this.cost + this.clawedBackSpent === paid + this.waived + this.owed,
      'all that was spent is paid, forgiven or owed',
    );
  }

  remaining({ granted, moved }: LotPage): bigint {
    const { adjusted, refunded, debited, repaid, expired, clawedBack, cashed } = moved;
    return granted + adjusted + refunded - debited - repaid - expired - clawedBack - cashed;
  }

  held({ id }: LotPage): bigint {
    let held = 0n;
    for (const { holds, end } of this.reservations.values()) if (end === 'open') held += total(holds.filter(isOf(id)));
    return held;
  }

  frozen({ id }: LotPage): bigint {
    let frozen = 0n;
    for (const dispute of this.disputes.values()) frozen += total(dispute.frozen.filter(isOf(id)));
    return frozen;
  }

  available(at: number): bigint {
    if (this.owed > 0n) return 0n;
    return this.eligible(at).reduce((sum, lot) => sum + this.free(lot), 0n);
  }

  private free(lot: LotPage): bigint {
    return this.remaining(lot) - this.held(lot) - this.frozen(lot);
  }

  private checkLot(lot: LotPage): void {
    this.must(this.remaining(lot) >= 0n, `${lot.id} is not overdrawn`);
    this.must(this.free(lot) >= 0n, `held and frozen do not exceed what remains of ${lot.id}`);
  }

  private enter({ type, data }: AccountEvent): void {
    (this.handlers[type] as (data: unknown) => void)(data);
  }

  private readonly handlers: { readonly [Type in AccountEvent['type']]: (data: Data<Type>) => void } = {
    AccountOpened: () => this.once('account', 'opened'),
    TierChanged: ({ from, to }) => this.must(from !== to, 'a change changes something'),
    ApiKeyIssued: ({ keyId }) => this.once('key', keyId),
    ApiKeyRevoked: ({ keyId }) => this.once('revocation', keyId),
    ApiKeyChanged: ({ keyId }) => this.must(this.ids.has(`key ${keyId}`), 'the key was issued'),
    CreditsGranted: (data) => this.granted(data),
    CreditsReserved: ({ reservationId, holds, amount, burnDownOrder, settleBy }) => {
      this.once('reservation', reservationId);
      this.mustBeFirstFree(holds, BigInt(amount));
      this.must(burnDownOrder === 'mcphub@1', 'the order is named');
      this.reservations.set(reservationId, { holds: [...holds], settleBy: Date.parse(settleBy), end: 'open' });
    },
    ReservationExtended: ({ reservationId, holds, amount, settleBy }) => {
      const reservation = this.openReservation(reservationId);
      this.mustBeFirstFree(holds, BigInt(amount));
      this.must(Date.parse(settleBy) >= reservation.settleBy, 'an extension does not shorten');
      reservation.holds.push(...holds);
      reservation.settleBy = Date.parse(settleBy);
    },
    ReservationSettled: (data) => this.settled(data),
    ReservationReleased: ({ reservationId, releases }) => {
      const reservation = this.openReservation(reservationId);
      this.must(written(releases) === written(reservation.holds), 'all of it goes back to where it was');
      reservation.end = 'released';
      add(this.cameBack, releases);
    },
    LateSettlementRecorded: (data) => this.settledLate(data),
    CreditsExpired: ({ lotId, amount }) => {
      const lot = this.lot(lotId);
      this.must(lot.until <= this.at, 'only what has expired expires');
      this.must(BigInt(amount) > 0n && BigInt(amount) <= this.free(lot), 'no hold expires');
      lot.moved.expired += BigInt(amount);
    },
    ShortfallRepaid: ({ lotId, amount }) => {
      const lot = this.lot(lotId);
      this.must(lot.paid && BigInt(amount) <= this.free(lot), 'a paid lot repays');
      this.must(this.free(lot) === BigInt(amount) || this.owed === BigInt(amount), 'as far as it can');
      lot.moved.repaid += BigInt(amount);
      this.owed -= BigInt(amount);
    },
    GenerationRefunded: (data) => this.refunded(data),
    TopUpRefunded: (data) => this.cashed(data),
    LotsFrozen: (data) => this.frozeLots(data),
    LotsUnfrozen: ({ disputeId, lots }) => {
      this.endDispute(disputeId, lots).end = 'won';
      for (const { lotId } of lots) this.cameBack.set(lotId, 0n);
    },
    CreditsClawedBack: ({ disputeId, lots, receivable }) => {
      const dispute = this.endDispute(disputeId, lots);
      this.must(total(lots) + BigInt(receivable) === dispute.claimed, 'what is lost is what was claimed');
      dispute.end = 'lost';
      for (const { lotId, amount } of lots) this.lot(lotId).moved.clawedBack += BigInt(amount);
      this.owed += BigInt(receivable);
      this.clawedBackSpent += BigInt(receivable);
    },
    CreditsAdjusted: ({ adjustmentId, lines, requestedBy, approvedBy }) => {
      this.once('adjustment', adjustmentId);
      this.must(requestedBy !== approvedBy, 'four eyes');
      for (const { lotId, amount } of lines) {
        this.must(this.lot(lotId).until > this.at, 'what has expired is not adjusted');
        this.lot(lotId).moved.adjusted += BigInt(amount);
      }
    },
  };

  private granted(data: Data<'CreditsGranted'>): void {
    this.once('grant', data.grantId);
    this.once('lot', data.lotId);
    if (data.paymentId !== undefined) this.once('payment', data.paymentId);
    if (data.grantId.startsWith('refund:')) this.toRegrant -= BigInt(data.amount);
    const from = Date.parse(data.effectiveAt);
    const until = data.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(data.expiresAt);
    this.must(until > this.at && until > from, 'a lot is not granted after its time');
    this.lots.set(data.lotId, {
      id: data.lotId,
      order: [data.priority, until, BigInt(data.costBasis), from, data.lotId],
      paid: data.kind === 'top_up',
      costBasis: BigInt(data.costBasis),
      paymentId: data.paymentId,
      from,
      until,
      granted: BigInt(data.amount),
      moved: { adjusted: 0n, refunded: 0n, debited: 0n, repaid: 0n, expired: 0n, clawedBack: 0n, cashed: 0n },
    });
  }

  private settled(data: Data<'ReservationSettled'>): void {
    const reservation = this.openReservation(data.reservationId);
    reservation.end = 'settled';
    let left = BigInt(data.cost.rounded);
    const debits: LotAmount[] = [];
    const releases: LotAmount[] = [];
    for (const { lotId, amount } of reservation.holds) {
      // A pin outlives its lot until settleBy, and no longer.
      const pinned = this.at < this.lot(lotId).until || this.at < reservation.settleBy;
      const debit = pinned ? least(BigInt(amount), left) : 0n;
      left -= debit;
      if (debit > 0n) debits.push({ lotId, amount: `${debit}` });
      if (debit < BigInt(amount)) releases.push({ lotId, amount: `${BigInt(amount) - debit}` });
    }
    this.must(written(data.releases) === written(releases), 'what was not needed goes back to where it was');
    this.debit(debits);
    this.charge(data, data.debits.slice(debits.length), left);
    this.must(written(data.debits.slice(0, debits.length)) === written(debits), 'its own holds pay first, in order');
    const beyond = total(data.debits) - total(debits);
    this.must(
      total(data.debits) + total(releases) === total(reservation.holds) + beyond,
      'Σ debits + Σ releases = Σ holds + extra',
    );
    add(this.cameBack, releases);
  }

  private settledLate(data: Data<'LateSettlementRecorded'>): void {
    const reservation = this.reservations.get(data.reservationId);
    this.must(reservation?.end === 'released', 'a late settlement only after a release');
    if (reservation) reservation.end = 'settled late';
    this.charge(data, data.debits, BigInt(data.cost.rounded));
  }

  /** What the holds did not cover is taken from what is free, in order, as far as that goes; the rest is owed. */
  private charge(data: Data<'LateSettlementRecorded'>, extra: readonly LotAmount[], uncovered: bigint): void {
    const expected = this.owed > 0n ? [] : this.firstFree(uncovered);
    this.must(written(extra) === written(expected), 'beyond the holds, what is free pays, in order');
    this.debit(extra);
    this.must(BigInt(data.shortfall) === uncovered - total(expected), 'only what nobody can pay is owed');
    this.must(BigInt(data.cost.rounded) === total(data.debits) + BigInt(data.shortfall), 'cost = Σ debits + shortfall');
    this.owed += BigInt(data.shortfall);
    this.cost += BigInt(data.cost.rounded);
    this.once('settlement', data.reservationId);
    this.generations.set(data.generationId, {
      debits: [...data.debits],
      shortfall: BigInt(data.shortfall),
      credits: [],
      given: 0n,
      waived: 0n,
    });
  }

  private debit(parts: readonly LotAmount[]): void {
    for (const { lotId, amount } of parts) this.lot(lotId).moved.debited += BigInt(amount);
  }

  private refunded(data: Data<'GenerationRefunded'>): void {
    this.once('refund', data.refundId);
    const generation = this.generations.get(data.generationId);
    if (!generation) throw this.broken('what is refunded was charged');
    const [amount, waived, regranted] = [BigInt(data.amount), BigInt(data.waived), BigInt(data.regranted)];
    this.must(amount > 0n && amount === total(data.credits) + waived + regranted, 'a refund is what it says');
    generation.credits.push(...data.credits);
    generation.given += total(data.credits) + regranted;
    generation.waived += waived;
    this.must(generation.waived <= generation.shortfall && waived <= this.owed, 'only what is owed is forgiven');
    this.must(
      amount === waived || generation.waived === generation.shortfall || waived === this.owed,
      'debts are forgiven first',
    );
    this.must(generation.given <= total(generation.debits), 'no more is given back than was paid');
    for (const { lotId, amount: credit } of data.credits) {
      const [back, paid] = [total(generation.credits.filter(isOf(lotId))), total(generation.debits.filter(isOf(lotId)))];
      this.must(back <= paid, `${lotId} gets no more than it paid`);
      this.must(data.intoExpired === 'expire' || this.lot(lotId).until > this.at, 'nothing goes to expired lots');
      this.lot(lotId).moved.refunded += BigInt(credit);
    }
    this.must(regranted === 0n || data.intoExpired === 'goodwill', 'a new lot only where the refund says so');
    this.waived += waived;
    this.owed -= waived;
    this.toRegrant += regranted;
    add(this.cameBack, data.credits);
  }

  private cashed(data: Data<'TopUpRefunded'>): void {
    this.once('cash refund', data.refundId);
    const lot = this.lot(data.lotId);
    this.must(this.owed === 0n, 'who owes is not paid');
    this.must(lot.paymentId === data.paymentId && lot.until > this.at, 'a payment is refunded while its lot lasts');
    lot.moved.cashed += BigInt(data.amount);
    const cash = (BigInt(data.amount) * lot.costBasis) / 1_000_000_000n;
    this.must(BigInt(data.cash) === cash && BigInt(data.amount) > 0n, 'at the price that was paid');
    this.must(this.takenBack(data.paymentId) <= lot.granted, 'no more money goes back than came');
  }

  private frozeLots({ disputeId, paymentId, claimed, lots }: Data<'LotsFrozen'>): void {
    const dispute: DisputePage = this.disputes.get(disputeId) ?? {
      paymentId,
      claimed: BigInt(claimed),
      frozen: [],
      end: 'open' as const,
    };
    this.must(
      dispute.end === 'open' && dispute.paymentId === paymentId && dispute.claimed === BigInt(claimed),
      'a dispute stays as it is',
    );
    this.must(!this.disputes.has(disputeId) || lots.length > 0, 'a dispute is opened once');
    this.disputes.set(disputeId, dispute);
    for (const part of lots) this.must(this.lot(part.lotId).paymentId === paymentId, 'what the payment bought is frozen');
    dispute.frozen = [...dispute.frozen, ...lots];
    add(this.froze, lots);
    this.must(total(dispute.frozen) <= dispute.claimed, 'no more is frozen than is claimed');
    const [lot] = [...this.lots.values()].filter((one) => one.paymentId === paymentId);
    this.must(lot !== undefined && this.takenBack(paymentId) <= lot.granted, 'no more is disputed than was paid');
  }

  private endDispute(disputeId: string, lots: readonly LotAmount[]): DisputePage {
    const dispute = this.disputes.get(disputeId);
    if (dispute?.end !== 'open') throw this.broken('a dispute ends once');
    this.must(total(lots) === total(dispute.frozen), 'all that was frozen');
    dispute.frozen = [];
    return dispute;
  }

  /** Of a payment: paid back, disputed, or lost in a dispute. */
  private takenBack(paymentId: string): bigint {
    let back = 0n;
    for (const lot of this.lots.values()) if (lot.paymentId === paymentId) back += lot.moved.cashed;
    for (const one of this.disputes.values()) if (one.paymentId === paymentId && one.end !== 'won') back += one.claimed;
    return back;
  }

  private mustBeFirstFree(holds: readonly LotAmount[], amount: bigint): void {
    this.must(amount === 0n || this.owed === 0n, 'nothing is set aside while the account owes');
    this.must(total(holds) === amount, 'the holds are what was set aside');
    this.must(written(holds) === written(this.firstFree(amount)), 'no eligible lot that sorts earlier is skipped');
  }

  private firstFree(amount: bigint): LotAmount[] {
    const parts: LotAmount[] = [];
    let left = amount;
    for (const lot of this.eligible(this.at)) {
      const part = least(left, this.free(lot));
      if (part > 0n) parts.push({ lotId: lot.id, amount: `${part}` });
      left -= part;
    }
    return parts;
  }

  private eligible(at: number): LotPage[] {
    return [...this.lots.values()].filter(({ from, until }) => from <= at && at < until).sort(inOrder);
  }

  private openReservation(reservationId: string): ReservationPage {
    const reservation = this.reservations.get(reservationId);
    if (reservation?.end !== 'open') throw this.broken('a reservation ends once');
    return reservation;
  }

  private lot(lotId: string): LotPage {
    const lot = this.lots.get(lotId);
    if (!lot) throw this.broken(`${lotId} was granted`);
    return lot;
  }

  /** A name for something that happens once in the account's life. */
  private once(what: string, id: string): void {
    this.must(!this.ids.has(`${what} ${id}`), `${what} ${id} has one effect`);
    this.ids.add(`${what} ${id}`);
  }

  private must(holds: boolean, rule: string): void {
    if (!holds) throw this.broken(rule);
  }

  private broken(rule: string): RuleBroken {
    return new RuleBroken(`"${rule}" is broken by ${this.current} at ${new Date(this.at).toISOString()}`);
  }
}

const isOf =
  (lotId: string) =>
  (part: LotAmount): boolean =>
    part.lotId === lotId;
const total = (parts: readonly LotAmount[]): bigint => parts.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
const add = (sums: Map<string, bigint>, parts: readonly LotAmount[]): void => {
  for (const { lotId, amount } of parts) sums.set(lotId, (sums.get(lotId) ?? 0n) + BigInt(amount));
};
const written = (parts: readonly LotAmount[]): string => parts.map(({ lotId, amount }) => `${lotId} ${BigInt(amount)}`).join();
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function inOrder(a: LotPage, b: LotPage): number {
  for (const [index, one] of a.order.entries()) {
    const other = b.order[index] as typeof one;
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}
