import type { ModelCatalogue } from './domain/pricing.events.js';

const authorOf = (id: string): string => id.slice(0, id.indexOf('/'));
export const slugOf = (id: string): string => id.slice(id.indexOf('/') + 1);

/** An alias names its model as it stands and with the author before it. */
export const aliasNames = (id: string, alias: string): string[] =>
  alias.includes('/') ? [alias] : [alias, `${authorOf(id)}/${alias}`];

/**
 * Which model each name means. An id always means its own model; of two models that share a slug the one listed first
 * answers to it alone, the other by its id, so that a publication never takes a name away from a model that has it.
 */
export function nameTable<Booked>(models: readonly (readonly [ModelCatalogue, Booked])[]): Map<string, Booked> {
  const names = new Map<string, Booked>(models.map(([{ id }, booked]) => [id, booked]));
  for (const [catalogue, booked] of models) {
    const { id, aliases } = catalogue;
    for (const name of [slugOf(id), ...aliases.flatMap((alias) => aliasNames(id, alias))]) {
      if (!names.has(name)) names.set(name, booked);
    }
  }
  return names;
}
