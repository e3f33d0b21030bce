import type { SettledCost } from '../../accounts/domain/accounts.events.js';
import { type NanoCredits, nanoToText, type PicoCredits, pico, roundUpToNano } from '../../kernel/credits.js';
import { type Instant, instantToText } from '../../kernel/time.js';
import { type PriceTable, tierFor, tiersFor } from './price-table.js';
import { promptTokens, USAGE_CLASSES, type Usage, type UsageClass } from './usage.js';

export interface Cost {
  readonly exact: PicoCredits;
  /** The exact figure rounded up, once: what the account pays. */
  readonly rounded: NanoCredits;
  /** One line per class that was used, in the order of the classes. */
  readonly lines: readonly PricedLine[];
}

export interface PricedLine {
  readonly class: UsageClass;
  /** The quantity: tokens, or requests, or searches. The field has the name that events have had since the first. */
  readonly tokens: number;
  /** Pico-credits per unit of that quantity. */
  readonly price: PicoCredits;
  readonly amount: PicoCredits;
}

const CLASSES: ReadonlySet<string> = new Set(USAGE_CLASSES);

/**
 * Formulas `usage@1` and `usage@2`: per class quantity × price, summed exactly, rounded up once to a nano-credit. They differ in the
 * prices that a list can have, which the table knows. Throws a RangeError where a count is no natural number or a class is unknown,
 * so that nothing is left unpriced in silence, and where the price depends on the time and `pricedAt` is missing.
 * @param pricedAt the moment of the reservation: what was quoted is what is charged, whenever the answer ends
 */
export function costOf(usage: Usage, prices: PriceTable, pricedAt?: Instant): Cost {
  checkUsage(usage);
  const { perUnit } = tierFor(tiersFor(prices, pricedAt), promptTokens(usage));
  const lines: PricedLine[] = [];
  let exact = 0n;
  for (const name of USAGE_CLASSES) {
    const tokens = usage[name] ?? 0;
    if (tokens === 0) continue;
    const amount = pico(BigInt(tokens) * perUnit[name]);
    lines.push({ class: name, tokens, price: perUnit[name], amount });
    exact += amount;
  }
  return { exact: pico(exact), rounded: roundUpToNano(pico(exact)), lines };
}

/** The usage of a generation that reached a provider: with its request where a fee is asked for it, else as it is. */
export const withRequest = (usage: Usage, { hasRequestFee }: PriceTable): Usage =>
  hasRequestFee ? { ...usage, requests: 1 } : usage;

/** What a settlement says of the moment that it is priced at: nothing where the price does not depend on it. */
export const pricedAtFact = ({ hasWindows }: PriceTable, pricedAt: Instant): { readonly pricedAt?: string } =>
  hasWindows ? { pricedAt: instantToText(pricedAt) } : {};

/** A cost as events hold it. */
export const costToJson = ({ exact, rounded, lines }: Cost): SettledCost => ({
  exact: exact.toString(),
  rounded: nanoToText(rounded),
  lines: lines.map((line) => ({
    class: line.class,
    tokens: line.tokens,
    price: line.price.toString(),
    amount: line.amount.toString(),
  })),
});

function checkUsage(usage: Usage): void {
  for (const name in usage) {
    if (!CLASSES.has(name)) throw new RangeError(`no such class of usage: ${name}`);
    const quantity = usage[name as UsageClass] ?? 0;
    if (!Number.isSafeInteger(quantity) || quantity < 0) throw new RangeError(`no count: ${name} ${quantity}`);
  }
}
