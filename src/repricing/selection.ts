import { type Instant, instantFromText, instantToText } from '../kernel/time.js';
import type { CallSelection } from './charged-calls.js';
import type { Difference, NotRated, Selection } from './domain/repricing.events.js';
import { hashOf } from './dry-run.js';

/** A selection as a fact holds it: named calls by their number and digest, since the differences name them. */
export function selectionFact({ generationIds, from, until, model }: CallSelection): Selection {
  return {
    ...(generationIds && {
      generations: new Set(generationIds).size,
      generationsHash: hashOf([...new Set(generationIds)].sort()),
    }),
    ...(from === undefined ? {} : { from: instantToText(from) }),
    ...(until === undefined ? {} : { until: instantToText(until) }),
    ...(model === undefined ? {} : { model }),
  };
}

/** The same selection, to be made again. */
export function selectionOf(
  { generations, from, until, model }: Selection,
  calls: readonly Difference[],
  notRated: readonly NotRated[],
): CallSelection {
  if (generations !== undefined) return { generationIds: [...calls, ...notRated].map(({ generationId }) => generationId) };
  return { ...at('from', from), ...at('until', until), ...(model === undefined ? {} : { model }) };
}

const at = <Name extends 'from' | 'until'>(name: Name, text: string | undefined): { readonly [K in Name]?: Instant } =>
  (text === undefined ? {} : { [name]: instantFromText(text) }) as { readonly [K in Name]?: Instant };
