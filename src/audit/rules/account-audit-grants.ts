import { windowStart } from '../../kernel/time.js';
import { book, checkLot, lotOf, mustBeFree } from './account-audit-lots.js';
import type { AuditMemory } from './account-audit-memory.js';
import { keyOf } from './account-audit-reservations.js';
import type { Check, Json } from './account-audit-rules.js';
import type { AuditedAccount, AuditedKey } from './account-audit-state.js';

type Handler = (account: AuditedAccount, data: Json, check: Check, memory: AuditMemory) => void;

const GRANT_KINDS = ['top_up', 'promo', 'goodwill', 'refund'];
const timeOr = (text: unknown, otherwise: number): number => (text === undefined ? otherwise : Date.parse(String(text)));

export const accountOpened: Handler = (account, data, check) => {
  const isFirst = check.fact?.revision === 0 && check.fact.stream === `account-${data.accountId}`;
  check.must('10', isFirst && !account.opened, 'an account is opened once, by the first event of its own stream');
  check.must('5', data.burnDownOrder === 'mcphub@1', () => `burn-down order ${data.burnDownOrder} is unknown`);
  account.opened = true;
  account.tier = data.tier;
};

export const tierChanged: Handler = (account, data, check) => {
  check.must('2', data.from === account.tier, () => `the tier was ${account.tier} and not ${data.from}`);
  account.tier = data.to;
};

export const keyIssued: Handler = (account, data, check) => {
  check.must('K', !account.keys.has(data.keyId), () => `key ${data.keyId} was issued before`);
  const key = { revoked: false, spent: 0n, held: 0n, windowStart: account.at, ...termsOf(data) };
  account.keys.set(data.keyId, restarted(key, account.at));
};

export const keyChanged: Handler = (account, data, check) => {
  const key = keyOf(account, data.keyId, check);
  if (!key) return;
  const terms = termsOf(data);
  const anotherWindow = terms.limitReset !== key.limitReset;
  Object.assign(key, terms);
  // Another window begins to count anew.
  if (anotherWindow) Object.assign(key, restarted({ ...key, spent: 0n }, account.at));
};

export const keyRevoked: Handler = (account, data, check) => {
  const key = keyOf(account, data.keyId, check);
  if (key) key.revoked = true;
};

const termsOf = ({ limit, limitReset, expiresAt }: Json) => ({
  limit: limit === undefined ? undefined : BigInt(limit),
  limitReset: limitReset as AuditedKey['limitReset'],
  expiresAt: timeOr(expiresAt, Number.POSITIVE_INFINITY),
});

const restarted = (key: AuditedKey, at: number): AuditedKey => ({
  ...key,
  windowStart: key.limitReset === undefined ? at : windowStart(key.limitReset, at),
});

export const creditsGranted: Handler = (account, data, check) => {
  const amount = BigInt(data.amount);
  const effectiveAt = Date.parse(data.effectiveAt);
  const expiresAt = timeOr(data.expiresAt, Number.POSITIVE_INFINITY);
  check.must('8', !account.grants.has(data.grantId), () => `grant ${data.grantId} was made before`);
  check.must('1', !account.lots.has(data.lotId), () => `${data.lotId} was granted before`);
  check.must('1', amount >= 0n, 'a negative amount is granted');
  check.must('11', GRANT_KINDS.includes(data.kind), () => `lots of kind ${data.kind} are unknown`);
  check.must('6', effectiveAt < expiresAt, 'the lot expires before it is in force');
  if (data.paymentId !== undefined) {
    check.must('8', !account.payments.has(data.paymentId), () => `payment ${data.paymentId} has bought a lot before`);
    account.payments.set(data.paymentId, { credits: amount, cashRefunded: 0n, disputed: 0n });
  }
  account.grants.add(data.grantId);
  account.totals.granted += amount;
  account.addLot({
    lotId: data.lotId,
    kind: data.kind,
    priority: data.priority,
    costBasis: BigInt(data.costBasis),
    effectiveAt,
    expiresAt,
    paymentId: data.paymentId,
    granted: amount,
    returned: 0n,
    adjusted: 0n,
    debited: 0n,
    repaid: 0n,
    repaidReturned: 0n,
    expired: 0n,
    clawedBack: 0n,
    cashRefunded: 0n,
    held: 0n,
    frozen: 0n,
    remaining: amount,
  });
};

export const creditsExpired: Handler = (account, data, check) => {
  const amount = BigInt(data.amount);
  const lot = lotOf(account, data.lotId, check);
  check.must('6', lot === undefined || lot.expiresAt <= account.at, () => `${data.lotId} has not expired yet`);
  mustBeFree(account, { lotId: data.lotId, amount }, '1', check);
  book(account, data.lotId, 'expired', amount, check);
  checkLot(account, data.lotId, check);
  account.totals.expired += amount;
};

/** A paid lot repays what the account owes. */
export const shortfallRepaid: Handler = (account, data, check) => {
  const amount = BigInt(data.amount);
  const lot = lotOf(account, data.lotId, check);
  check.must('2', amount <= account.receivable, () => `${amount} is repaid of ${account.receivable} that is owed`);
  check.must('2', lot === undefined || lot.kind === 'top_up', 'a lot that nobody paid for repays');
  mustBeFree(account, { lotId: data.lotId, amount }, '1', check);
  book(account, data.lotId, 'repaid', amount, check);
  checkLot(account, data.lotId, check);
  account.receivable -= amount;
  account.totals.spent += amount;
};
