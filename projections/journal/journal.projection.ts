import type { AccountEvent } from '../../src/accounts/domain/accounts.events.js';
import { instantFromText } from '../../src/kernel/time.js';
import { monthAfter, monthBefore, type PeriodEvent } from '../../src/periods/domain/periods.events.js';
import { ACCOUNT_PREFIX, accountOf } from '../runtime/account-facts.projection.js';
import type { Fact, Projection } from '../runtime/projection.js';
import type { Closing, JournalRows, JournalTables, ReservationMonth, Sums } from './journal-tables.projection.js';
import { heldBy, type Known, type Postings, postingsOf } from './postings.projection.js';
import { lotsOf, referenceOf, reservationOf } from './touched.projection.js';

const PERIOD_PREFIX = 'period-';
const CLOSING = { id: 'closing' } as const;
const NONE_CLOSED: Closing = { ...CLOSING, first: null, closedThrough: null };
const NO_SUMS: Sums = new Map();

/**
 * Double entry of everything that happens to accounts, for every event one entry whose lines sum to zero. An entry is posted in the
 * month that it happened in, or, where that is closed, in the earliest that is open. The order of all events, closings among
 * them, decides: a rebuild gives the same rows.
 */
export const journal: Projection<JournalTables> = {
  name: 'journal',
  version: 1,
  streamPrefixes: [ACCOUNT_PREFIX, PERIOD_PREFIX],
  keys: {
    entries: ['position'],
    sums: ['accountId', 'month'],
    totals: ['month'],
    lots: ['accountId', 'lotId'],
    reservations: ['accountId', 'reservationId'],
    closings: ['id'],
  },

  rowsOf(fact) {
    if (fact.stream.startsWith(PERIOD_PREFIX)) return { ...NO_ROWS, closings: [CLOSING] };
    const accountId = accountOf(fact);
    const event = fact as Fact & AccountEvent;
    const month = monthOf(fact);
    const reservationId = reservationOf(event);
    return {
      entries: [{ position: fact.position }],
      sums: [{ accountId, month }],
      totals: [{ month }],
      lots: lotsOf(event).map((lotId) => ({ accountId, lotId })),
      reservations: reservationId === undefined ? [] : [{ accountId, reservationId }],
      closings: [CLOSING],
    };
  },

  fold(rows, fact) {
    if (fact.stream.startsWith(PERIOD_PREFIX)) foldClosing(rows, fact as Fact & PeriodEvent);
    else foldEntry(rows, fact as Fact & AccountEvent, accountOf(fact));
  },
};

const NO_ROWS = { entries: [], sums: [], totals: [], lots: [], reservations: [], closings: [] };

function foldClosing(rows: JournalRows, event: PeriodEvent): void {
  rows.closings.put(closingAfter(rows.closings.find(CLOSING) ?? NONE_CLOSED, event));
}

/** Throws where a month is closed or opened out of order, which no rule of the write side does. */
function closingAfter({ first, closedThrough }: Closing, event: PeriodEvent): Closing {
  const { period } = event.data;
  switch (event.type) {
    case 'PeriodClosed':
      if (closedThrough !== null && monthAfter(closedThrough) !== period)
        throw new Error(`period ${period} was closed after ${closedThrough}`);
      return { ...CLOSING, first: first ?? period, closedThrough: period };
    case 'PeriodReopened':
      if (closedThrough !== period) throw new Error(`period ${period} was opened again, which was not closed last`);
      return first === period ? NONE_CLOSED : { ...CLOSING, first, closedThrough: monthBefore(period) };
  }
  throw new Error(`unknown event of the periods: ${(event as { type: string }).type}`);
}

function foldEntry(rows: JournalRows, event: Fact & AccountEvent, accountId: string): void {
  const { type, position, revision } = event;
  const month = monthOf(event);
  const closedThrough = rows.closings.find(CLOSING)?.closedThrough ?? null;
  const isLate = closedThrough !== null && month <= closedThrough;
  const period = isLate ? monthAfter(closedThrough) : month;
  if (type === 'CreditsGranted') rows.lots.put({ accountId, lotId: event.data.lotId, lotClass: event.data.kind });
  const known = knownTo(rows, event, accountId);
  const postings = postingsOf(event, known);
  const belongsTo = foldReservation(rows, event, accountId, month, known) ?? month;
  rows.entries.put({
    position,
    accountId,
    revision,
    occurredAt: instantFromText(event.metadata.occurredAt),
    type,
    period,
    originalPeriod: belongsTo === period ? null : belongsTo,
    isLate,
    reference: referenceOf(event),
    lines: linesText(postings),
    owned: postings.owned,
    receivable: postings.receivable,
  });
  addToSums(rows, accountId, month, isLate ? undefined : postings);
}

const knownTo = (rows: JournalRows, event: AccountEvent, accountId: string): Known => ({
  classOf: (lotId) => rows.lots.get({ accountId, lotId }).lotClass,
  held() {
    const reservationId = reservationOf(event) ?? '';
    const { isOpen, heldTopUp, heldPromo, heldGoodwill } = rows.reservations.get({ accountId, reservationId });
    if (!isOpen) throw new Error('a reservation ended that had ended');
    return { top_up: heldTopUp, promo: heldPromo, goodwill: heldGoodwill };
  },
});

/** Keeps what reservations hold. @returns for a late charge, the month that its reservation was made in, where that is known */
function foldReservation(
  rows: JournalRows,
  event: AccountEvent,
  accountId: string,
  month: string,
  known: Known,
): string | undefined {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationExtended': {
      const { reservationId, holds } = event.data;
      const isNew = event.type === 'CreditsReserved';
      const before = isNew
        ? { ...NOTHING_HELD, accountId, reservationId, month }
        : rows.reservations.get({ accountId, reservationId });
      const held = heldBy(holds, known);
      rows.reservations.put({
        ...before,
        heldTopUp: before.heldTopUp + held.top_up,
        heldPromo: before.heldPromo + held.promo,
        heldGoodwill: before.heldGoodwill + held.goodwill,
      });
      return undefined;
    }
    case 'ReservationSettled':
      rows.reservations.delete({ accountId, reservationId: event.data.reservationId });
      return undefined;
    case 'ReservationReleased': {
      const { month: madeIn } = rows.reservations.get({ accountId, reservationId: event.data.reservationId });
      rows.reservations.put({ ...RELEASED, accountId, reservationId: event.data.reservationId, month: madeIn });
      return undefined;
    }
    case 'LateSettlementRecorded': {
      const key = { accountId, reservationId: event.data.reservationId };
      const madeIn = rows.reservations.find(key)?.month;
      rows.reservations.delete(key);
      return madeIn;
    }
    default:
      return undefined;
  }
}

type Held = Pick<ReservationMonth, 'isOpen' | 'heldTopUp' | 'heldPromo' | 'heldGoodwill'>;
const NOTHING_HELD: Held = { isOpen: true, heldTopUp: 0n, heldPromo: 0n, heldGoodwill: 0n };
const RELEASED: Held = { ...NOTHING_HELD, isOpen: false };

/** A row for every account and month that anything happened in: who goes through accounts finds them there. */
function addToSums(rows: JournalRows, accountId: string, month: string, postings: Postings | undefined): void {
  const before = rows.sums.find({ accountId, month }) ?? { accountId, month, sums: NO_SUMS, owned: 0n, receivable: 0n };
  if (postings === undefined || postings.lines.size === 0) {
    if (before.sums === NO_SUMS) rows.sums.put(before);
    return;
  }
  rows.sums.put({
    ...before,
    sums: plus(before.sums, postings),
    owned: before.owned + postings.owned,
    receivable: before.receivable + postings.receivable,
  });
  const total = rows.totals.find({ month });
  rows.totals.put({ month, sums: plus(total?.sums ?? NO_SUMS, postings) });
}

function plus(sums: Sums, { lines }: Postings): Sums {
  const after = new Map(sums);
  for (const [ledgerAccount, amount] of lines) {
    if (amount === 0n) continue;
    const { debits, credits } = after.get(ledgerAccount) ?? { debits: 0n, credits: 0n };
    after.set(ledgerAccount, amount > 0n ? { debits: debits + amount, credits } : { debits, credits: credits - amount });
  }
  return after;
}

function linesText({ lines }: Postings): string {
  let text = '';
  for (const [ledgerAccount, amount] of lines)
    if (amount !== 0n) text += text === '' ? `${ledgerAccount}=${amount}` : ` ${ledgerAccount}=${amount}`;
  return text;
}

const monthOf = ({ metadata }: Fact): string => metadata.occurredAt.slice(0, 'yyyy-mm'.length);
