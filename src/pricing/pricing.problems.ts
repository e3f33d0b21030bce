import type { ApiError } from '../http/api-error.js';
import { invalid } from '../http/validation.js';
import type { PublicationRejection } from './price-book.js';

/**
 * What a refused publication is on the wire: a 400 that names the field.
 * @param pricesField how the request spells it, `prices` or `pricing`
 */
export function problemOf(rejection: PublicationRejection, pricesField: string): ApiError {
  const field = rejection.field.replace(/^prices(?=\.)/, pricesField);
  switch (rejection.reason) {
    case 'price_missing':
      return invalid(field, 'a model needs this price; state "0" if it is free');
    case 'price_invalid':
      return invalid(field, 'must be a decimal number of credits per unit, not negative, with at most 12 decimals');
    case 'overrides_out_of_order':
      return invalid(field, 'must be greater than in the override before it for the same hours');
    case 'override_unconditional':
      return invalid(field, 'an override needs a condition: min_prompt_tokens, utc_start and utc_end, or utc_days');
    case 'window_invalid':
      return invalid(field, 'a window needs utc_start and utc_end, two different times of the day as HHMM');
    case 'effective_in_the_past':
      return invalid(field, 'prices do not change for the past');
    case 'alias_taken':
      return invalid(field, `is a name of ${rejection.takenBy} already`);
  }
}
