import type { SettledCost } from '../../accounts/domain/accounts.events.js';
import { type NanoCredits, nanoToText, type PicoCredits, pico, roundUpToNano } from '../../kernel/credits.js';
import { type PriceTable, tierFor } from './price-table.js';
import { promptTokens, USAGE_CLASSES, type Usage, type UsageClass } from './usage.js';

export interface Cost {
  readonly exact: PicoCredits;
  /** The exact figure rounded up, once: what the account pays. */
  readonly rounded: NanoCredits;
  /** One line per class with tokens, in the order of the classes. */
  readonly lines: readonly PricedLine[];
}

export interface PricedLine {
  readonly class: UsageClass;
  readonly tokens: number;
  readonly price: PicoCredits;
  readonly amount: PicoCredits;
}

/**
 * Formula `usage@1`: per class tokens × price, summed exactly, rounded up once to a nano-credit. Throws where a count is no
 * natural number or a class is unknown: nothing is left unpriced in silence.
 */
export function costOf(usage: Usage, prices: PriceTable): Cost {
  checkUsage(usage);
  const { perToken } = tierFor(prices, promptTokens(usage));
  const lines: PricedLine[] = [];
  let exact = 0n;
  for (const name of USAGE_CLASSES) {
    const tokens = usage[name] ?? 0;
    if (tokens === 0) continue;
    const amount = pico(BigInt(tokens) * perToken[name]);
    lines.push({ class: name, tokens, price: perToken[name], amount });
    exact += amount;
  }
  return { exact: pico(exact), rounded: roundUpToNano(pico(exact)), lines };
}

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
  for (const [name, tokens] of Object.entries(usage)) {
    if (!(USAGE_CLASSES as readonly string[]).includes(name)) throw new RangeError(`no such class of usage: ${name}`);
    if (!Number.isSafeInteger(tokens ?? 0) || (tokens ?? 0) < 0) throw new RangeError(`no count of tokens: ${name} ${tokens}`);
  }
}
