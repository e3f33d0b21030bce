/**
 * What a generation must have cost, computed again: formulas `usage@1` and `usage@2`, written from their definition and not from the
 * program's code. Per class of usage, quantity × pico-credits; the sum rounded up once to a nano-credit. A price is that of the last
 * override in the list which names it and whose conditions all hold, else the base's. `usage@1` knows fewer prices, and no others.
 */

// biome-ignore lint/suspicious/noExplicitAny: what an event holds is checked here, not assumed
type Json = any;

/** Which published price a class is priced by: the first that the model has. */
const PRICED_BY: Readonly<Record<string, readonly string[]>> = {
  input_uncached: ['prompt'],
  cache_read: ['input_cache_read', 'prompt'],
  cache_read_audio: ['input_audio_cache', 'audio', 'input_cache_read', 'prompt'],
  cache_write_5m: ['input_cache_write', 'prompt'],
  cache_write_1h: ['input_cache_write_1h', 'input_cache_write', 'prompt'],
  input_audio: ['audio', 'prompt'],
  input_image: ['image_token', 'prompt'],
  output_visible: ['completion'],
  output_reasoning: ['internal_reasoning', 'completion'],
  output_audio: ['audio_output', 'completion'],
  output_image: ['image_output', 'completion'],
  requests: ['request'],
  web_searches: ['web_search'],
};
/** No tokens: not part of the prompt, and free where no fee is published. */
const FEES = new Set(['requests', 'web_searches']);
const isInput = (name: string): boolean => !name.startsWith('output_') && !FEES.has(name);
const SINCE_2 = new Set(['input_audio_cache', 'image_output', 'request', 'web_search']);
const PRICES_OF: Readonly<Record<string, ReadonlySet<string>>> = {
  'usage@1': new Set(
    Object.values(PRICED_BY)
      .flat()
      .filter((name) => !SINCE_2.has(name)),
  ),
  'usage@2': new Set(Object.values(PRICED_BY).flat()),
};
const CONDITIONS = ['min_prompt_tokens', 'utc_start', 'utc_end', 'utc_days'];
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const UTC_MILLISECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PICO_DECIMALS = 12;

type Prices = Readonly<Record<string, bigint>>;

export interface PriceVersion {
  readonly priceVersion: string;
  readonly position: bigint;
  readonly formulaVersion: string;
  readonly base: Prices;
  readonly overrides: readonly PriceOverride[];
  /** Whether a price depends on the time: then a settlement says at which moment it was priced. */
  readonly hasWindows: boolean;
  /** Whether a call costs something by itself: then a settlement counts it. */
  readonly chargesRequests: boolean;
}

interface PriceOverride {
  /** The prompt has more tokens than this. */
  readonly above: number | undefined;
  /** Clock numbers in UTC, HHMM. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly days: readonly string[] | undefined;
  readonly prices: Prices;
}

export interface RecomputedCost {
  readonly exact: bigint;
  readonly rounded: bigint;
  readonly lines: readonly { readonly class: string; readonly tokens: number; readonly price: bigint; readonly amount: bigint }[];
}

/** The price versions read so far. */
export class PriceVersions {
  private readonly versions = new Map<string, PriceVersion>();

  get size(): number {
    return this.versions.size;
  }

  get(priceVersion: string): PriceVersion | undefined {
    return this.versions.get(priceVersion);
  }

  /**
   * Takes a `PricesPublished`.
   * @throws Error where its prices are none, its formula is unknown, or the version was published before
   */
  publish(data: Json, position: bigint): void {
    const { priceVersion, formulaVersion, prices } = data;
    if (typeof priceVersion !== 'string') throw new Error('a price version has no name');
    if (this.versions.has(priceVersion)) throw new Error(`price version ${priceVersion} was published before`);
    const names = PRICES_OF[formulaVersion];
    if (!names) throw new Error(`formula ${formulaVersion} is unknown`);
    const base = parsed(prices, names);
    const overrides = ((prices.overrides ?? []) as Json[]).map((each) => overrideOf(each, names));
    const hasWindows = overrides.some(({ start, days }) => start !== undefined || days !== undefined);
    const chargesRequests = [base, ...overrides.map((each) => each.prices)].some(({ request = 0n }) => request > 0n);
    this.versions.set(priceVersion, {
      priceVersion,
      position,
      formulaVersion,
      base,
      overrides,
      hasWindows,
      chargesRequests,
    });
  }
}

/**
 * @param classes quantity by class, as the settlement states them
 * @param pricedAt the moment that the settlement states, ISO 8601 in UTC
 * @throws Error where a class is unknown, unpriced, or no count, or the price depends on a moment that is not stated
 */
export function recomputeCost(
  classes: Readonly<Record<string, number>>,
  version: PriceVersion,
  pricedAt?: string,
): RecomputedCost {
  let promptTokens = 0;
  for (const name in classes) if (isInput(name)) promptTokens += classes[name] as number;
  const holding = holdingOverrides(version, promptTokens, pricedAt);
  const lines: RecomputedCost['lines'][number][] = [];
  let exact = 0n;
  for (const [name, tokens] of Object.entries(classes)) {
    if (!Number.isSafeInteger(tokens) || tokens < 0) throw new Error(`${name} is no count`);
    if (tokens === 0) continue;
    const price = priceOf(name, version.base, holding);
    const amount = BigInt(tokens) * price;
    lines.push({ class: name, tokens, price, amount });
    exact += amount;
  }
  return { exact, rounded: (exact + 999n) / 1000n, lines };
}

const NONE: readonly PriceOverride[] = [];

function holdingOverrides(version: PriceVersion, promptTokens: number, pricedAt: string | undefined): readonly PriceOverride[] {
  const { overrides, hasWindows } = version;
  if (overrides.length === 0) return NONE;
  const moment = hasWindows ? momentOf(pricedAt) : undefined;
  return overrides.filter(
    ({ above, start, end, days }) =>
      (above === undefined || promptTokens > above) &&
      (days === undefined || days.includes(moment?.day as string)) &&
      (start === undefined || isBetween(moment?.clock as number, start, end as number)),
  );
}

function momentOf(pricedAt: string | undefined): { day: string; clock: number } {
  if (pricedAt === undefined) throw new Error('the price depends on the time, and the moment is not stated');
  const date = new Date(pricedAt);
  if (!UTC_MILLISECONDS.test(pricedAt) || Number.isNaN(date.getTime())) throw new Error(`${pricedAt} is no moment`);
  return { day: DAYS[date.getUTCDay()] as string, clock: date.getUTCHours() * 100 + date.getUTCMinutes() };
}

/** Half-open; over midnight where the end comes first. */
const isBetween = (clock: number, start: number, end: number): boolean =>
  start < end ? clock >= start && clock < end : clock >= start || clock < end;

function priceOf(name: string, base: Prices, holding: readonly PriceOverride[]): bigint {
  for (const candidate of PRICED_BY[name] ?? []) {
    const last = holding.findLast(({ prices }) => prices[candidate] !== undefined);
    const price = last?.prices[candidate] ?? base[candidate];
    if (price !== undefined) return price;
  }
  if (FEES.has(name)) return 0n;
  throw new Error(`there is no price for ${name}`);
}

/** An unknown condition would make an override hold where it does not: it is refused. */
function overrideOf(published: Json, names: ReadonlySet<string>): PriceOverride {
  const { min_prompt_tokens: above, utc_start: start, utc_end: end, utc_days: days } = published;
  for (const name in published)
    if (!names.has(name) && !CONDITIONS.includes(name)) throw new Error(`${name} is no part of an override`);
  if ((start === undefined) !== (end === undefined)) throw new Error('a window has no start, or no end');
  return { above, start, end, days, prices: parsed(published, names) };
}

function parsed(published: Json, names: ReadonlySet<string>): Record<string, bigint> {
  const prices: Record<string, bigint> = {};
  for (const [name, text] of Object.entries(published)) if (names.has(name)) prices[name] = picoOf(String(text));
  return prices;
}

/** A decimal per unit as pico-credits. */
function picoOf(text: string): bigint {
  const [, whole = '', fraction = ''] = /^(\d{1,18})(?:\.(\d+))?$/.exec(text) ?? [];
  const digits = fraction.replace(/0+$/, '');
  if (whole === '' || digits.length > PICO_DECIMALS) throw new Error(`${text} is no price`);
  return BigInt(whole + digits.padEnd(PICO_DECIMALS, '0'));
}
