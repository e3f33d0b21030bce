import { windowStart } from '../../kernel/time.js';
import { checkCost } from './account-audit-costs.js';
import { book, checkLot, isSame, lotOf, partsOf, shown } from './account-audit-lots.js';
import type { AuditMemory } from './account-audit-memory.js';
import type { Check, Json } from './account-audit-rules.js';
import {
  type AuditedAccount,
  type AuditedKey,
  type AuditedReservation,
  freeOf,
  type PaidGeneration,
  type Part,
  sumOf,
} from './account-audit-state.js';

type Handler = (account: AuditedAccount, data: Json, check: Check, memory: AuditMemory) => void;

/** What is set aside, and how that ends. */
export const reserved: Handler = (account, data, check, memory) => {
  const holds = partsOf(data.holds);
  const amount = BigInt(data.amount);
  check.must('3', memory.add(`reservation:${data.reservationId}`), 'the reservation was made before');
  check.must('2', account.receivable === 0n, () => `reserved while the account owes ${account.receivable} nano-credits`);
  const key = keyOf(account, data.keyId, check);
  if (key) {
    check.must('K', !key.revoked && account.at < key.expiresAt, () => `key ${data.keyId} was revoked or has expired`);
    checkLimit(account, key, amount, check);
  }
  checkHolds(account, holds, amount, check);
  hold(account, key, holds, amount, check);
  account.reservations.set(data.reservationId, {
    reservationId: data.reservationId,
    generationId: data.generationId,
    keyId: data.keyId,
    amount,
    holds,
    settleBy: Date.parse(data.settleBy),
    at: account.at,
  });
};

export const extended: Handler = (account, data, check) => {
  const reservation = account.reservations.get(data.reservationId);
  if (!reservation) return check.note('3', `reservation ${data.reservationId} is extended, which is not open`);
  const holds = partsOf(data.holds);
  const amount = BigInt(data.amount);
  const settleBy = Date.parse(data.settleBy);
  isTheSameCall(reservation, data, check);
  check.must('3', settleBy >= reservation.settleBy, 'an extension shortens the time');
  check.must(
    '2',
    amount === 0n || account.receivable === 0n,
    () => `more is reserved while the account owes ${account.receivable}`,
  );
  const key = keyOf(account, reservation.keyId, check);
  if (key && amount > 0n) checkLimit(account, key, amount, check);
  checkHolds(account, holds, amount, check);
  hold(account, key, holds, amount, check);
  reservation.amount += amount;
  reservation.holds.push(...holds);
  reservation.settleBy = settleBy;
};

export const settled: Handler = (account, data, check, memory) => {
  checkCost(account, data, check);
  const stated = { debits: partsOf(data.debits), releases: partsOf(data.releases) };
  const reservation = account.reservations.get(data.reservationId);
  if (reservation) {
    isTheSameCall(reservation, data, check);
    checkSettlement(account, reservation, data, stated, check);
    end(account, reservation, 'settled', check, memory);
  } else {
    endedTwice(data, check, memory);
  }
  charge(account, data, stated.debits, check, memory);
};

export const released: Handler = (account, data, check, memory) => {
  const reservation = account.reservations.get(data.reservationId);
  if (!reservation) return endedTwice(data, check, memory);
  const releases = partsOf(data.releases);
  isTheSameCall(reservation, data, check);
  check.must('4', sumOf(releases) === reservation.amount, () => `of ${reservation.amount} held, ${sumOf(releases)} comes back`);
  check.must(
    '4',
    isSame(releases, reservation.holds),
    () => `held was ${shown(reservation.holds)}, back comes ${shown(releases)}`,
  );
  end(account, reservation, 'released', check, memory);
};

/** Usage that came after the release: what is free then pays. */
export const settledLate: Handler = (account, data, check, memory) => {
  checkCost(account, data, check);
  const debits = partsOf(data.debits);
  const ended = account.reservations.has(data.reservationId) ? undefined : memory.ended.get(data.reservationId);
  check.must('3', ended?.as === 'released', () => `a late settlement of a reservation that is ${ended?.as ?? 'not released'}`);
  if (ended) {
    isTheSameCall(ended, data, check);
    ended.as = 'settled late';
  }
  const cost = BigInt(data.cost.rounded);
  check.must('4', sumOf(debits) + BigInt(data.shortfall) === cost, 'the cost is not the debits and the shortfall');
  const expected = account.receivable > 0n ? [] : account.firstFree(cost);
  checkDebits(account, undefined, debits, check);
  check.must('5', isSame(debits, expected), () => `debited is ${shown(debits)}; in order it would be ${shown(expected)}`);
  charge(account, data, debits, check, memory);
};

function checkSettlement(
  account: AuditedAccount,
  reservation: AuditedReservation,
  data: Json,
  { debits, releases }: { debits: readonly Part[]; releases: readonly Part[] },
  check: Check,
): void {
  const cost = BigInt(data.cost.rounded);
  const shortfall = BigInt(data.shortfall);
  const expected = expectedSettlement(account, reservation, cost);
  const before = check.problems.length;
  const debited = sumOf(debits);
  if (debited + shortfall !== cost) check.note('4', `debits ${debited} + shortfall ${shortfall} ≠ cost ${cost}`);
  checkWhole(reservation, debits, releases, check);
  checkDebits(account, reservation, debits, check);
  if (check.problems.length > before) return;
  const inOrder = [...expected.debits, ...expected.extra];
  if (!isSame(debits, inOrder)) check.note('5', `debited is ${shown(debits)}; in order it would be ${shown(inOrder)}`);
  if (!isSame(releases, expected.releases)) check.note('5', `back comes ${shown(releases)} and not ${shown(expected.releases)}`);
}

/** Rule 4, lot by lot: what was held is debited or given back, and what is debited beyond it is an extra debit. */
function checkWhole({ holds }: AuditedReservation, debits: readonly Part[], releases: readonly Part[], check: Check): void {
  const [held, debited, back] = [byLot(holds), byLot(debits), byLot(releases)];
  for (const lotId of new Set([...held.keys(), ...debited.keys(), ...back.keys()])) {
    const [hold, debit, release] = [held.get(lotId) ?? 0n, debited.get(lotId) ?? 0n, back.get(lotId) ?? 0n];
    const extra = debit > hold ? debit - hold : 0n;
    if (debit + release !== hold + extra)
      check.note('4', `of ${hold} held of ${lotId}, ${debit} is debited and ${release} given back`);
  }
}

/** Its own holds pay in their order, those whose pin has ended left out; then what is free, in burn-down order. */
function expectedSettlement(account: AuditedAccount, { holds, settleBy }: AuditedReservation, cost: bigint) {
  const debits: Part[] = [];
  const releases: Part[] = [];
  let left = cost;
  for (const { lotId, amount } of holds) {
    const isPinned = account.at < settleBy || account.at < (account.lots.get(lotId)?.expiresAt ?? 0);
    const part = !isPinned ? 0n : left < amount ? left : amount;
    if (part > 0n) debits.push({ lotId, amount: part });
    if (part < amount) releases.push({ lotId, amount: amount - part });
    left -= part;
  }
  return { debits, releases, extra: account.receivable > 0n || left === 0n ? [] : account.firstFree(left) };
}

/** No lot gives more than the reservation's own hold and what is free, and an expired one only the hold while it is pinned. */
function checkDebits(
  account: AuditedAccount,
  reservation: AuditedReservation | undefined,
  debits: readonly Part[],
  check: Check,
): void {
  for (const [lotId, amount] of byLot(debits)) {
    const lot = lotOf(account, lotId, check);
    if (!lot) continue;
    const held = byLot(reservation?.holds ?? []).get(lotId) ?? 0n;
    const isExpired = account.at >= lot.expiresAt;
    const isPinned = reservation !== undefined && account.at < reservation.settleBy;
    check.must('1', amount > 0n, () => `${amount} of ${lotId} is no amount`);
    check.must('6', !isExpired || (isPinned && amount <= held), () => `${amount} of ${lotId} is debited, which has expired`);
    check.must(
      '5',
      amount <= held + freeOf(lot),
      () => `${amount} of ${lotId} is debited: ${held} was held for it, ${freeOf(lot)} free`,
    );
  }
}

/** Books a settlement as it is stated. */
function charge(account: AuditedAccount, data: Json, debits: readonly Part[], check: Check, memory: AuditMemory): void {
  const cost = BigInt(data.cost.rounded);
  const shortfall = BigInt(data.shortfall);
  check.must('4', shortfall >= 0n, 'a shortfall is negative');
  for (const { lotId, amount } of debits) book(account, lotId, 'debited', amount, check);
  for (const { lotId } of debits) checkLot(account, lotId, check);
  account.receivable += shortfall;
  account.totals.charged += cost;
  account.totals.spent += cost - shortfall;
  const key = keyOf(account, data.keyId, check);
  if (key) {
    key.spent = spentInWindow(key, account.at) + cost;
    if (key.limitReset !== undefined) key.windowStart = windowStart(key.limitReset, account.at);
  }
  const paid: PaidGeneration = { debits: [...debits], shortfall, returned: 0n, waived: 0n, repaidReturned: 0n };
  memory.generations.set(data.generationId, paid);
}

function checkHolds(account: AuditedAccount, holds: readonly Part[], amount: bigint, check: Check): void {
  const before = check.problems.length;
  if (sumOf(holds) !== amount) check.note('4', `reserved is ${amount}, held is ${sumOf(holds)}`);
  for (const [lotId, part] of byLot(holds)) {
    const lot = lotOf(account, lotId, check);
    if (!lot) continue;
    const free = freeOf(lot);
    if (lot.effectiveAt > account.at || account.at >= lot.expiresAt) check.note('6', `${lotId} is not in force`);
    if (part > free) check.note('1', `${part} of ${lotId} is held, of which ${free} is free`);
  }
  if (check.problems.length > before) return;
  const expected = account.firstFree(amount);
  if (!isSame(holds, expected)) check.note('5', `held is ${shown(holds)}; in order it would be ${shown(expected)}`);
}

function hold(account: AuditedAccount, key: AuditedKey | undefined, holds: readonly Part[], amount: bigint, check: Check): void {
  for (const { lotId, amount: part } of holds) book(account, lotId, 'held', part, check);
  for (const { lotId } of holds) checkLot(account, lotId, check);
  if (key) key.held += amount;
}

function end(
  account: AuditedAccount,
  reservation: AuditedReservation,
  as: 'settled' | 'released',
  check: Check,
  memory: AuditMemory,
): void {
  const { reservationId, generationId, keyId, holds, amount } = reservation;
  account.reservations.delete(reservationId);
  account.ended += 1;
  memory.ended.set(reservationId, { generationId, keyId, as });
  for (const { lotId, amount: part } of holds) book(account, lotId, 'held', -part, check);
  const key = account.keys.get(keyId);
  if (!key) return;
  key.held -= amount;
  check.must('K', key.held >= 0n, () => `key ${keyId} holds less than nothing`);
}

function endedTwice(data: Json, check: Check, memory: AuditMemory): void {
  const earlier = memory.ended.get(data.reservationId);
  check.note('3', earlier ? `the reservation had been ${earlier.as} before` : 'what ends was never reserved');
}

function isTheSameCall(known: { generationId: string; keyId: string }, data: Json, check: Check): void {
  const same = known.generationId === data.generationId && known.keyId === data.keyId;
  check.must('3', same, 'the generation or the key is not that of the reservation');
}

function checkLimit(account: AuditedAccount, key: AuditedKey, amount: bigint, check: Check): void {
  if (key.limit === undefined || amount === 0n) return;
  const used = spentInWindow(key, account.at) + key.held;
  check.must(
    'K',
    used + amount <= key.limit,
    () => `of the key's limit ${key.limit}, ${used} was used when ${amount} was reserved`,
  );
}

const spentInWindow = (key: AuditedKey, at: number): bigint =>
  key.limitReset !== undefined && windowStart(key.limitReset, at) > key.windowStart ? 0n : key.spent;

export function keyOf(account: AuditedAccount, keyId: string, check: Check): AuditedKey | undefined {
  const key = account.keys.get(keyId);
  if (!key) check.note('K', `key ${keyId} was never issued`);
  return key;
}

export function byLot(parts: readonly Part[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { lotId, amount } of parts) sums.set(lotId, (sums.get(lotId) ?? 0n) + amount);
  return sums;
}
