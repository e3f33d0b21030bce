/**
 * The facts of the price book. Stream `price-{author}/{slug}` holds what one model is and what it costs; stream `models` lists
 * the models in the order in which they were first published. Prices are decimal text per token, times ISO 8601 in UTC.
 */
export type PricingEvent = ModelPublished | PricesPublished;

export const MODELS_STREAM = 'models';
export const PRICE_STREAM_PREFIX = 'price-';
export const priceStream = (model: string): string => `${PRICE_STREAM_PREFIX}${model}`;

/** In stream `models`, before the model's first publication. */
export interface ModelListed {
  readonly type: 'ModelListed';
  readonly data: { readonly model: string };
}

export interface ModelPublished {
  readonly type: 'ModelPublished';
  readonly data: ModelCatalogue;
}

export interface ModelCatalogue {
  /** `author/slug`. */
  readonly id: string;
  /** Further names, dated ones for instance. The slug alone is a name without being listed here. */
  readonly aliases: readonly string[];
  readonly name: string;
  readonly description: string;
  /** Unix seconds. */
  readonly created: number;
  readonly contextLength: number;
  readonly maxCompletionTokens: number;
  /** The limit on the output of one choice where the caller names none. */
  readonly defaultCompletionTokens?: number;
  readonly inputModalities: readonly string[];
  readonly outputModalities: readonly string[];
  /** Request parameters that the model takes, as OpenRouter names them. */
  readonly supportedParameters: readonly string[];
  readonly tokenizer: string;
  /** Who serves it, the preferred one first. */
  readonly routes: readonly Route[];
  /** Absent where the model does not reason. */
  readonly reasoning?: Reasoning;
  /** The most tokens that one image part of a prompt can cost: a quote counts images by it. */
  readonly imageTokensMax: number;
}

export const ROUTE_PROVIDERS = ['openai', 'deepseek', 'anthropic', 'gemini', 'demo'] as const;
export type RouteProvider = (typeof ROUTE_PROVIDERS)[number];

export interface Route {
  readonly provider: RouteProvider;
  /** The model's name at the provider. */
  readonly upstreamModel: string;
  /** Body members that every call on this route carries, laid over the caller's. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/**
 * By what a model is told how to reason: effort (OpenAI), budget in tokens (Anthropic until 4.5, Gemini 2.5), adaptive with an effort
 * (Anthropic from 4.6), level (Gemini 3), toggle with an effort (DeepSeek).
 */
export type ReasoningControl = 'effort' | 'budget' | 'adaptive' | 'level' | 'toggle';

export interface Reasoning {
  /** Where absent: a budget for a model that takes one, else an effort. */
  readonly control?: ReasoningControl;
  /** It cannot be turned off. */
  readonly mandatory: boolean;
  /** Takes a thinking budget in tokens. */
  readonly supportsMaxTokens: boolean;
  readonly supportedEfforts?: readonly string[];
  readonly defaultEffort?: string;
  readonly defaultEnabled?: boolean;
}

export interface PricesPublished {
  readonly type: 'PricesPublished';
  readonly data: {
    readonly model: string;
    /** `author/slug@n`, n counting from 1. */
    readonly priceVersion: string;
    readonly effectiveAt: string;
    readonly prices: PublishedPrices;
    readonly formulaVersion: FormulaVersion;
  };
}

/** The named way from usage and prices to a cost. */
export type FormulaVersion = 'usage@1';

/** Prices per token by OpenRouter's names. `image_token` prices image tokens; OpenRouter's `image` is per image and not used. */
export const PRICE_NAMES = [
  'prompt',
  'completion',
  'input_cache_read',
  'input_cache_write',
  'input_cache_write_1h',
  'audio',
  'image_token',
  'internal_reasoning',
  'audio_output',
] as const;
export type PriceName = (typeof PRICE_NAMES)[number];

export type PublishedPrices = Readonly<Partial<Record<PriceName, string>>> & {
  readonly prompt: string;
  readonly completion: string;
  readonly overrides?: readonly PriceOverride[];
};

/** Prices that replace the base's where the prompt has strictly more tokens; a longer one lies over a shorter one. */
export type PriceOverride = Readonly<Partial<Record<PriceName, string>>> & { readonly min_prompt_tokens: number };
