import { invalid } from '../../src/http/validation.js';

const POSITION = /^\d{1,19}$/;

/**
 * The commit position that the rows of an answer must have reached, from `min_position`: decimal text, as writes state it in
 * `X-Ledger-Position` and in `position`. 0 where nothing was asked. Throws the 400 that names the parameter.
 */
export function minPositionOf(text: string | undefined): bigint {
  // A parameter that is given twice arrives as a list.
  if (text !== undefined && (typeof text !== 'string' || !POSITION.test(text))) {
    throw invalid('min_position', 'must be a position that a write answered with');
  }
  return BigInt(text ?? 0);
}
