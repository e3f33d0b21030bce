/** Figures of a model on a day: what a provider states, or what the ledger charged. Undefined: not stated. */
export interface StatedDay {
  readonly model: string;
  /** `yyyy-mm-dd`, UTC */
  readonly day: string;
  readonly requests: bigint | undefined;
  readonly promptTokens: bigint | undefined;
  readonly completionTokens: bigint | undefined;
  /** 10⁻⁹ US dollars. */
  readonly cost: bigint | undefined;
}

export interface ChargedDay {
  readonly model: string;
  readonly day: string;
  readonly requests: bigint;
  readonly estimatedRequests: bigint;
  readonly promptTokens: bigint;
  readonly completionTokens: bigint;
  /** Nano-credits. */
  readonly cost: bigint;
}

/**
 * matched: nothing differs. missing_here: they list it, we charged nothing: lost revenue. missing_at_provider: we charged, they list
 * nothing. late: what differs is made up for by the same model on the day before or after, as calls over midnight do.
 * estimated_usage: tokens differ where ours were estimates. request_difference, token_difference: counts differ. cost_difference:
 * counts agree, costs differ by more than was allowed.
 */
export const DIFFERENCE_CLASSES = [
  'matched',
  'missing_here',
  'missing_at_provider',
  'late',
  'estimated_usage',
  'request_difference',
  'token_difference',
  'cost_difference',
] as const;
export type DifferenceClass = (typeof DIFFERENCE_CLASSES)[number];

export interface ComparedDay {
  readonly model: string;
  readonly day: string;
  readonly class: DifferenceClass;
  readonly stated: StatedDay | undefined;
  readonly charged: ChargedDay | undefined;
}

const COUNTS = ['requests', 'promptTokens', 'completionTokens'] as const;
const BASIS_POINTS = 10_000n;
const DAY_MS = 86_400_000;

/**
 * Compares what a provider states with what the ledger charged, one line for each model and day that either names, in the order of
 * model and day. Counts must agree exactly, where they are stated; costs within a tolerance.
 * @param toleranceBasisPoints hundredths of a percent of what was charged
 */
export function compare(
  stated: readonly StatedDay[],
  charged: readonly ChargedDay[],
  toleranceBasisPoints: number,
): ComparedDay[] {
  const pairs = new Map<string, { model: string; day: string; stated: StatedDay | undefined; charged: ChargedDay | undefined }>();
  for (const each of stated) pairs.set(keyOf(each), { model: each.model, day: each.day, stated: each, charged: undefined });
  for (const each of charged) {
    const pair = pairs.get(keyOf(each));
    if (pair) pair.charged = each;
    else pairs.set(keyOf(each), { model: each.model, day: each.day, stated: undefined, charged: each });
  }
  const isMadeUpFor = ({ model, day }: { model: string; day: string }): boolean => {
    const pair = pairs.get(keyOf({ model, day }));
    return [-1, 1].some((shift) => {
      const neighbour = pairs.get(keyOf({ model, day: shifted(day, shift) }));
      return pair !== undefined && neighbour !== undefined && cancel(pair, neighbour);
    });
  };
  return [...pairs.values()]
    .sort((a, b) => compareText(a.model, b.model) || compareText(a.day, b.day))
    .map((pair) => ({ ...pair, class: isMadeUpFor(pair) ? 'late' : classOf(pair, BigInt(toleranceBasisPoints)) }));
}

type Pair = { readonly stated: StatedDay | undefined; readonly charged: ChargedDay | undefined };

function classOf({ stated, charged }: Pair, tolerance: bigint): DifferenceClass {
  if (!stated) return 'missing_at_provider';
  const lists = COUNTS.some((count) => (stated[count] ?? 0n) > 0n) || (stated.cost ?? 0n) > 0n;
  if (!charged) return lists ? 'missing_here' : 'matched';
  const differs = (count: (typeof COUNTS)[number]) => stated[count] !== undefined && stated[count] !== charged[count];
  const tokensDiffer = differs('promptTokens') || differs('completionTokens');
  if (differs('requests')) return 'request_difference';
  if (tokensDiffer) return charged.estimatedRequests > 0n ? 'estimated_usage' : 'token_difference';
  if (stated.cost === undefined) return 'matched';
  const apart = stated.cost > charged.cost ? stated.cost - charged.cost : charged.cost - stated.cost;
  return apart * BASIS_POINTS > charged.cost * tolerance ? 'cost_difference' : 'matched';
}

/** Whether what differs on one day is exactly what differs, the other way, on the other: in all counts that are stated, and in one at least. */
function cancel(a: Pair, b: Pair): boolean {
  const differences = COUNTS.map((count) => [difference(a, count), difference(b, count)] as const);
  const known = differences.filter(([ofA, ofB]) => ofA !== undefined && ofB !== undefined);
  return known.some(([ofA]) => ofA !== 0n) && known.every(([ofA, ofB]) => (ofA as bigint) + (ofB as bigint) === 0n);
}

/** What they state beyond what was charged; undefined where they state nothing about it. A day that they do not list states zero. */
function difference({ stated, charged }: Pair, count: (typeof COUNTS)[number]): bigint | undefined {
  if (stated && stated[count] === undefined) return undefined;
  return (stated?.[count] ?? 0n) - (charged?.[count] ?? 0n);
}

const keyOf = ({ model, day }: { readonly model: string; readonly day: string }): string => `${day} ${model}`;
const shifted = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, day.length);
/** By code units, as every machine orders them. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
