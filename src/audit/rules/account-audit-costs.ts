import { recomputeCost } from './account-audit-prices.js';
import type { Check, Json } from './account-audit-rules.js';
import type { AuditedAccount } from './account-audit-state.js';

/** Between the clock that a call was priced by and the one that stamped its reservation, waiting for the store included. */
const CLOCKS_DIFFER_MS = 5 * 60_000;

/**
 * Invariant 7: the stated cost of a settlement is what the usage costs at the stated price version, which was published before, at
 * the moment of the reservation.
 */
export function checkCost(account: AuditedAccount, data: Json, check: Check): void {
  const { cost, usage, priceVersion, formulaVersion, pricedAt } = data;
  const version = account.prices.get(priceVersion);
  if (!version || version.position >= account.position) {
    check.note('7', `price version ${priceVersion} was not published before`);
    return;
  }
  const { formulaVersion: published, chargesRequests, hasWindows } = version;
  check.must('7', formulaVersion === published, () => `prices by ${published} are taken by ${formulaVersion}`);
  if (chargesRequests) checkRequest(data, check);
  if (hasWindows) checkMoment(account, data, check);
  try {
    const { exact, rounded, lines } = recomputeCost(usage.classes, version, pricedAt);
    check.must('7', BigInt(cost.exact) === exact, () => `the exact cost is ${exact} pico-credits and not ${cost.exact}`);
    check.must('7', BigInt(cost.rounded) === rounded, () => `the cost is ${rounded} nano-credits and not ${cost.rounded}`);
    const stated = new Map((cost.lines as Json[]).map((line) => [line.class, line]));
    const isStated = ({ class: name, tokens, price, amount }: (typeof lines)[number]) => {
      const line = stated.get(name);
      return line?.tokens === tokens && line.price === price.toString() && line.amount === amount.toString();
    };
    const same = cost.lines.length === lines.length && lines.every(isStated);
    check.must('7', same, 'the lines of the cost are not those of the usage');
  } catch (error) {
    check.note('7', `the cost cannot be computed: ${(error as Error).message}`);
  }
}

/** A fee by the call is due once for each generation that reached a provider. */
function checkRequest({ usage, attempts }: Json, check: Check): void {
  const isCounted = attempts.length === 0 || usage.classes.requests === 1;
  check.must('7', isCounted, 'the request that reached a provider is not counted');
}

/** Nobody chooses a cheaper moment than that of the reservation. */
function checkMoment(account: AuditedAccount, { pricedAt, reservationId }: Json, check: Check): void {
  const at = Date.parse(pricedAt);
  check.must('7', at <= account.at + CLOCKS_DIFFER_MS, 'it is priced at a moment that has not come');
  const reservation = account.reservations.get(reservationId);
  const isThen = !reservation || Math.abs(at - reservation.at) <= CLOCKS_DIFFER_MS;
  check.must('7', isThen, 'it is priced at another moment than it was reserved at');
}
