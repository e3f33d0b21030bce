import type { AccountCommand, ReservationQuote } from '../accounts/index.js';
import type { Instant } from '../kernel/time.js';
import { costOf, costToJson, type PriceBook, pricedAtFact, withRequest } from '../pricing/index.js';

/** A prompt's bound is its size in bytes; text has about four of them per token. */
const BYTES_PER_TOKEN = 4;

/**
 * The command that charges an abandoned call by estimate: the prompt, which its provider had, and no answer, which nobody saw. Never
 * more than is held. What it was counted from stands in the reservation, so that anybody can count again.
 * @returns undefined where the price version of the reservation is not in the book
 */
export function chargeAbandoned(
  reservationId: string,
  { model, priceVersion, promptTokensMax }: ReservationQuote,
  reservedAt: Instant,
  prices: Pick<PriceBook, 'version'>,
): AccountCommand | undefined {
  const version = prices.version(model, priceVersion);
  if (!version) return undefined;
  const classes = withRequest({ input_uncached: Math.ceil(promptTokensMax / BYTES_PER_TOKEN) }, version.prices);
  return {
    type: 'SettleReservation',
    reservationId,
    model,
    cost: costToJson(costOf(classes, version.prices, reservedAt)),
    usage: { classes, source: 'estimated', anomalies: ['usage_unknown'] },
    priceVersion,
    formulaVersion: version.formulaVersion,
    ...pricedAtFact(version.prices, reservedAt),
    attempts: [],
    outcome: 'abandoned',
    onlyOverdue: true,
  };
}
