import { type Cost, costOf, type Usage, withRequest } from '../../pricing/index.js';
import type { Generation } from '../generation.js';

/** What a generation that reached a provider is charged for, and how much: at the prices of the moment at which it was reserved for. */
export function chargeFor({ model: { prices }, at }: Generation, used: Usage): { readonly usage: Usage; readonly cost: Cost } {
  const usage = withRequest(used, prices);
  return { usage, cost: costOf(usage, prices, at) };
}
