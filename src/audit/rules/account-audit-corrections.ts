import { book, checkLot, lotOf, mustBeFree, partsOf, shown } from './account-audit-lots.js';
import type { AuditMemory } from './account-audit-memory.js';
import { byLot } from './account-audit-reservations.js';
import type { Check, Json } from './account-audit-rules.js';
import { type AuditedAccount, freeOf, type PaidGeneration, type Part, sumOf } from './account-audit-state.js';

type Handler = (account: AuditedAccount, data: Json, check: Check, memory: AuditMemory) => void;

const NANO_PER_CREDIT = 1_000_000_000n;
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A cost is given back: in reverse order of the debits, to none more than it paid. */
export const generationRefunded: Handler = (account, data, check, memory) => {
  const credits = partsOf(data.credits);
  const [amount, waived, regranted] = [BigInt(data.amount), BigInt(data.waived), BigInt(data.regranted)];
  isFirst(account, `refund:${data.refundId}`, check);
  check.must('R', amount > 0n && waived >= 0n && regranted >= 0n, 'a part of the refund is negative');
  check.must('R', amount === sumOf(credits) + waived + regranted, 'the refund is not credits + waived + regranted');
  check.must('R', waived <= account.receivable, () => `${waived} is waived of ${account.receivable} that is owed`);
  const paid = memory.generations.get(data.generationId);
  if (paid) checkRefund(account, paid, { credits, amount, waived, regranted, intoExpired: data.intoExpired }, check);
  else check.note('R', `generation ${data.generationId} was never settled`);
  for (const { lotId, amount: part } of credits) {
    check.must('R', part > 0n, () => `${part} of ${lotId} is no amount`);
    book(account, lotId, 'returned', part, check);
  }
  account.receivable -= waived;
  account.totals.waived += waived;
  account.totals.refunded += sumOf(credits);
};

interface Refund {
  readonly credits: readonly Part[];
  readonly amount: bigint;
  readonly waived: bigint;
  readonly regranted: bigint;
  readonly intoExpired: string;
}

function checkRefund(account: AuditedAccount, paid: PaidGeneration, refund: Refund, check: Check): void {
  const { credits, waived, regranted } = refund;
  const debited = sumOf(paid.debits);
  check.must('R', waived <= paid.shortfall - paid.waived, 'more is waived than the generation left unpaid');
  const toDebits = least(refund.amount - waived, debited - paid.returned);
  const expected = backwards(paid.debits, paid.returned, toDebits);
  // What lots repaid later of the generation's shortfall may come back to lots that repaid shortfalls.
  const beyond = refund.amount - waived - toDebits;
  check.must('R', beyond <= paid.shortfall - paid.waived - waived - paid.repaidReturned, 'more comes back than was paid');
  const isRegranted = ({ lotId }: Part) => refund.intoExpired === 'goodwill' && isExpired(account, lotId);
  const due = byLot(expected.filter((part) => !isRegranted(part)));
  for (const [lotId, given] of byLot(credits)) {
    const more = given - (due.get(lotId) ?? 0n);
    const lot = lotOf(account, lotId, check);
    if (!lot || more === 0n) continue;
    const isRepaid = more > 0n && beyond > 0n && more <= lot.repaid - lot.repaidReturned;
    check.must(
      'R',
      isRepaid,
      () => `${given} comes back to ${lotId}; in reverse order of debit it would be ${due.get(lotId) ?? 0n}`,
    );
    if (isRepaid) lot.repaidReturned += more;
  }
  const inOrder = expected.filter((part) => !isRegranted(part)).map(({ lotId }) => lotId);
  const given = new Set(credits.map(({ lotId }) => lotId));
  const missing = inOrder.filter((lotId) => !given.has(lotId));
  check.must('R', missing.length === 0, () => `nothing comes back to ${missing.join(', ')}, which paid last`);
  check.must('R', regranted === 0n || refund.intoExpired === 'goodwill', 'a new lot, although the refund says that it expires');
  paid.returned += toDebits;
  paid.repaidReturned += beyond;
  paid.waived += waived;
}

/** The last parts of debits that make up an amount, after what was given back before. */
function backwards(debits: readonly Part[], skipped: bigint, amount: bigint): Part[] {
  const parts: Part[] = [];
  let [toSkip, left] = [skipped, amount];
  for (const debit of [...debits].reverse()) {
    const skip = least(toSkip, debit.amount);
    const part = least(debit.amount - skip, left);
    toSkip -= skip;
    left -= part;
    if (part > 0n) parts.push({ lotId: debit.lotId, amount: part });
  }
  return parts;
}

/** Unused credits are paid back in money. */
export const topUpRefunded: Handler = (account, data, check) => {
  const amount = BigInt(data.amount);
  const lot = lotOf(account, data.lotId, check);
  const payment = account.payments.get(data.paymentId);
  isFirst(account, `cash:${data.refundId}`, check);
  check.must('R', payment !== undefined && lot?.paymentId === data.paymentId, 'the lot was not bought by that payment');
  check.must('R', account.receivable === 0n, 'money is paid back to an account that owes');
  mustBeFree(account, { lotId: data.lotId, amount }, '1', check);
  if (lot) {
    check.must('6', account.at < lot.expiresAt, () => `${data.lotId} has expired`);
    const cash = (amount * lot.costBasis) / NANO_PER_CREDIT;
    check.must('R', BigInt(data.cash) === cash, () => `at the lot's cost basis the cash is ${cash} and not ${data.cash}`);
  }
  book(account, data.lotId, 'cashRefunded', amount, check);
  checkLot(account, data.lotId, check);
  if (payment) payment.cashRefunded += amount;
  account.totals.cashRefunded += amount;
};

export const lotsFrozen: Handler = (account, data, check) => {
  const parts = partsOf(data.lots);
  const claimed = BigInt(data.claimed);
  const payment = account.payments.get(data.paymentId);
  let dispute = account.disputes.get(data.disputeId);
  if (dispute) {
    const same = dispute.status === 'open' && dispute.paymentId === data.paymentId && dispute.claimed === claimed;
    check.must('D', same, 'the dispute has ended, or is about something else');
  } else {
    check.must('D', payment !== undefined, () => `payment ${data.paymentId} bought nothing`);
    const disputable = payment ? payment.credits - payment.cashRefunded - payment.disputed : 0n;
    check.must('D', claimed > 0n && claimed <= disputable, () => `${claimed} is claimed of ${disputable} that can be disputed`);
    dispute = { paymentId: data.paymentId, claimed, frozen: new Map(), status: 'open' };
    account.disputes.set(data.disputeId, dispute);
    if (payment) payment.disputed += claimed;
  }
  for (const part of parts) {
    mustBeFree(account, part, '1', check);
    const lot = account.lots.get(part.lotId);
    check.must('D', lot?.paymentId === data.paymentId, () => `${part.lotId} was not bought by the disputed payment`);
    check.must('6', lot === undefined || account.at < lot.expiresAt, () => `${part.lotId} has expired`);
    book(account, part.lotId, 'frozen', part.amount, check);
    dispute.frozen.set(part.lotId, (dispute.frozen.get(part.lotId) ?? 0n) + part.amount);
  }
  const frozen = [...dispute.frozen.values()].reduce((total, amount) => total + amount, 0n);
  check.must('D', frozen <= claimed, () => `${frozen} is frozen of ${claimed} claimed`);
};

export const lotsUnfrozen: Handler = (account, data, check) => {
  endDispute(account, data, 'won', check);
};

export const creditsClawedBack: Handler = (account, data, check) => {
  const parts = partsOf(data.lots);
  const dispute = endDispute(account, data, 'lost', check);
  for (const { lotId, amount } of parts) {
    book(account, lotId, 'clawedBack', amount, check);
    checkLot(account, lotId, check);
  }
  const receivable = BigInt(data.receivable);
  const expected = (dispute?.claimed ?? 0n) - sumOf(parts);
  check.must('D', receivable === expected, () => `of what was claimed, ${expected} was spent and not ${receivable}`);
  account.receivable += receivable;
  account.totals.clawedBack += sumOf(parts);
};

function endDispute(account: AuditedAccount, data: Json, as: 'won' | 'lost', check: Check) {
  const parts = partsOf(data.lots);
  const dispute = account.disputes.get(data.disputeId);
  check.must('D', dispute?.status === 'open', () => `the dispute is ${dispute?.status ?? 'unknown'}`);
  for (const { lotId, amount } of parts) book(account, lotId, 'frozen', -amount, check);
  if (!dispute) return undefined;
  const stated = byLot(parts);
  const same = stated.size === dispute.frozen.size && [...stated].every(([lotId, part]) => dispute.frozen.get(lotId) === part);
  check.must('D', same, () => `released is ${shown(parts)}, which is not what the dispute had frozen`);
  const payment = account.payments.get(dispute.paymentId);
  if (as === 'won' && dispute.status === 'open' && payment) payment.disputed -= dispute.claimed;
  dispute.frozen.clear();
  dispute.status = as;
  return dispute;
}

/** A correction by hand. */
export const creditsAdjusted: Handler = (account, data, check) => {
  isFirst(account, `adjustment:${data.adjustmentId}`, check);
  check.must('A', data.requestedBy !== data.approvedBy, 'who asked for the adjustment has approved it');
  check.must('A', Boolean(data.requestedBy) && Boolean(data.approvedBy), 'nobody asked for the adjustment, or approved it');
  for (const { lotId, amount } of partsOf(data.lines)) {
    const lot = lotOf(account, lotId, check);
    if (!lot) continue;
    check.must('6', account.at < lot.expiresAt, () => `${lotId} has expired`);
    check.must('1', freeOf(lot) + amount >= 0n, () => `${amount} of ${lotId}, of which ${freeOf(lot)} is free`);
    book(account, lotId, 'adjusted', amount, check);
    account.totals.adjusted += amount;
  }
};

function isFirst(account: AuditedAccount, id: string, check: Check): void {
  check.must('8', !account.corrections.has(id), () => `${id} was made before`);
  account.corrections.add(id);
}

const isExpired = (account: AuditedAccount, lotId: string): boolean => {
  const lot = account.lots.get(lotId);
  return lot !== undefined && account.at >= lot.expiresAt;
};
