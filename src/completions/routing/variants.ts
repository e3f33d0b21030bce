import type { RouteSort } from './provider-preferences.js';

/** What a suffix of a model's name asks for. */
export interface Variant {
  readonly sort?: RouteSort;
  /** Only where it costs nothing. */
  readonly free?: true;
  readonly thinking?: true;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  nitro: { sort: 'throughput' },
  floor: { sort: 'price' },
  free: { free: true },
  thinking: { thinking: true },
};

/** Splits `author/slug:nitro`. A suffix that means nothing here belongs to the name, which is then nobody's. */
export function splitVariant(name: string): { readonly name: string; readonly variant: Variant } {
  const colon = name.lastIndexOf(':');
  const variant = colon > 0 ? VARIANTS[name.slice(colon + 1)] : undefined;
  return variant ? { name: name.slice(0, colon), variant } : { name, variant: {} };
}
