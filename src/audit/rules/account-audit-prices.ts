/**
 * What a generation must have cost, computed again: formula `usage@1`, written from its definition and not from the program's code.
 * Per class of usage, tokens × pico-credits; the sum rounded up once to a nano-credit.
 */

// biome-ignore lint/suspicious/noExplicitAny: what an event holds is checked here, not assumed
type Json = any;

/** Which published price a class is priced by: the first that the model has. */
const PRICED_BY: Readonly<Record<string, readonly string[]>> = {
  input_uncached: ['prompt'],
  cache_read: ['input_cache_read', 'prompt'],
  cache_write_5m: ['input_cache_write', 'prompt'],
  cache_write_1h: ['input_cache_write_1h', 'input_cache_write', 'prompt'],
  input_audio: ['audio', 'prompt'],
  input_image: ['image_token', 'prompt'],
  output_visible: ['completion'],
  output_reasoning: ['internal_reasoning', 'completion'],
  output_audio: ['audio_output', 'completion'],
};
const isInput = (name: string): boolean => !name.startsWith('output_');
const PICO_DECIMALS = 12;

export interface PriceVersion {
  readonly priceVersion: string;
  readonly position: bigint;
  readonly formulaVersion: string;
  /** The first is the base; each further one applies to prompts of more than `above` tokens, the last such wins. */
  readonly tiers: readonly { readonly above: number; readonly prices: Readonly<Record<string, bigint>> }[];
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
   * @throws Error where its prices are none, or the version was published before with anything else
   */
  publish(data: Json, position: bigint): void {
    const { priceVersion, formulaVersion, prices } = data;
    if (typeof priceVersion !== 'string') throw new Error('a price version has no name');
    if (this.versions.has(priceVersion)) throw new Error(`price version ${priceVersion} was published before`);
    this.versions.set(priceVersion, { priceVersion, position, formulaVersion, tiers: tiersOf(prices) });
  }
}

/**
 * @param classes tokens by class, as the settlement states them
 * @throws Error where a class is unknown, unpriced, or no count
 */
export function recomputeCost(classes: Readonly<Record<string, number>>, { tiers }: PriceVersion): RecomputedCost {
  let promptTokens = 0;
  for (const name in classes) if (isInput(name)) promptTokens += classes[name] as number;
  const { prices } = tiers.findLast(({ above }, index) => index === 0 || promptTokens > above) as PriceVersion['tiers'][number];
  const lines: RecomputedCost['lines'][number][] = [];
  let exact = 0n;
  for (const [name, tokens] of Object.entries(classes)) {
    if (!Number.isSafeInteger(tokens) || tokens < 0) throw new Error(`${name} is no count of tokens`);
    if (tokens === 0) continue;
    const price = priceOf(name, prices);
    const amount = BigInt(tokens) * price;
    lines.push({ class: name, tokens, price, amount });
    exact += amount;
  }
  return { exact, rounded: (exact + 999n) / 1000n, lines };
}

function priceOf(name: string, prices: Readonly<Record<string, bigint>>): bigint {
  for (const candidate of PRICED_BY[name] ?? []) {
    const price = prices[candidate];
    if (price !== undefined) return price;
  }
  throw new Error(`there is no price for ${name}`);
}

function tiersOf({ overrides = [], ...base }: Json): PriceVersion['tiers'] {
  let prices = parsed(base);
  const tiers = [{ above: 0, prices }];
  for (const { min_prompt_tokens: above, ...override } of overrides as Json[]) {
    prices = { ...prices, ...parsed(override) };
    tiers.push({ above, prices });
  }
  return tiers;
}

function parsed(published: Json): Record<string, bigint> {
  const names = new Set(Object.values(PRICED_BY).flat());
  const prices: Record<string, bigint> = {};
  for (const [name, text] of Object.entries(published)) if (names.has(name)) prices[name] = picoOf(String(text));
  return prices;
}

/** A decimal per token as pico-credits. */
function picoOf(text: string): bigint {
  const [, whole = '', fraction = ''] = /^(\d{1,18})(?:\.(\d+))?$/.exec(text) ?? [];
  const digits = fraction.replace(/0+$/, '');
  if (whole === '' || digits.length > PICO_DECIMALS) throw new Error(`${text} is no price`);
  return BigInt(whole + digits.padEnd(PICO_DECIMALS, '0'));
}
