import { instantFromText } from '../kernel/time.js';
import {
  type Cost,
  costOf,
  type FormulaVersion,
  type PriceBook,
  type PriceTable,
  USAGE_CLASSES,
  type Usage,
  withRequest,
} from '../pricing/index.js';
import type { ChargedCall } from './charged-calls.js';
import type { NotRatedReason } from './domain/repricing.events.js';

/** Prices that calls are rated by. */
export interface Rating {
  readonly prices: PriceTable;
  readonly formulaVersion: FormulaVersion;
}

/** The prices of a published version, in force or not; undefined where it was never published. */
export function ratingOf(prices: PriceBook, priceVersion: string): Rating | undefined {
  return prices.version(priceVersion.slice(0, priceVersion.lastIndexOf('@')), priceVersion);
}

const FORMULAS: ReadonlySet<string> = new Set(['usage@1', 'usage@2'] satisfies FormulaVersion[]);
const CLASSES: ReadonlySet<string> = new Set(USAGE_CLASSES);
/** Their own prices came with `usage@2`. */
const SINCE_2: ReadonlySet<string> = new Set(['cache_read_audio', 'output_image', 'requests', 'web_searches']);

/**
 * What a call would have cost by other prices: of its usage as it was settled, at the moment that it was priced at, or was reserved
 * for where its own prices did not depend on the time. What cannot be known is not guessed.
 */
export function rateCall(call: ChargedCall, { prices, formulaVersion }: Rating): Cost | NotRatedReason {
  if (!FORMULAS.has(call.formulaVersion)) return 'formula_unknown';
  for (const [name, quantity] of Object.entries(call.classes)) {
    if (!CLASSES.has(name)) return 'class_unknown';
    if (formulaVersion === 'usage@1' && call.formulaVersion !== 'usage@1' && quantity > 0 && SINCE_2.has(name))
      return 'class_unknown_to_formula';
  }
  const at = call.pricedAt === undefined ? call.reservedAt : instantFromText(call.pricedAt);
  if (prices.hasWindows && at === undefined) return 'moment_unknown';
  const usage = call.classes as Usage;
  return costOf(call.reached ? withRequest(usage, prices) : usage, prices, at);
}
