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
      return invalid(field, 'must be a decimal number of credits per token, not negative, with at most 12 decimals');
    case 'overrides_out_of_order':
      return invalid(field, 'must be greater than in the override before it');
    case 'effective_in_the_past':
      return invalid(field, 'prices do not change for the past');
    case 'alias_taken':
      return invalid(field, `is a name of ${rejection.takenBy} already`);
  }
}
