/**
 * The facts of the price book. Stream `price-{author}/{slug}` holds what one model is and what it costs; stream `models` lists
 * the models in the order in which they were first published. Prices are decimal text per unit, times ISO 8601 in UTC.
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
  /** What the model takes for parameters that a caller leaves out: shown, never sent. */
  readonly defaultParameters?: Readonly<Partial<Record<DefaultParameter, number>>>;
  /** The most tokens that one image part of a prompt can cost: a quote counts images by it. */
  readonly imageTokensMax: number;
}

/** Those that OpenRouter shows with a model. */
export const DEFAULT_PARAMETERS = [
  'temperature',
  'top_p',
  'top_k',
  'frequency_penalty',
  'presence_penalty',
  'repetition_penalty',
] as const;
export type DefaultParameter = (typeof DEFAULT_PARAMETERS)[number];

/** Of the weights, by OpenRouter's names. */
export const QUANTIZATIONS = [
  'int4',
  'int8',
  'fp4',
  'mxfp4',
  'nvfp4',
  'fp6',
  'fp8',
  'mxfp8',
  'fp16',
  'bf16',
  'fp32',
  'unknown',
] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

export interface Route {
  /** A provider's id: a built-in one, or that of a compatible server of the configuration. */
  readonly provider: string;
  /** The model's name at the provider. */
  readonly upstreamModel: string;
  /** Body members that every call on this route carries, laid over the caller's. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly quantization?: Quantization;
  /** Whether it may train on what it is sent. Absent: allow. */
  readonly dataCollection?: 'allow' | 'deny';
  /** Where it differs from the model's. */
  readonly contextLength?: number;
  readonly maxCompletionTokens?: number;
}

/**
 * By what a model is told how to reason: effort (OpenAI), budget in tokens (Anthropic until 4.5, Gemini 2.5), adaptive with an effort
 * (Anthropic from 4.6), level (Gemini 3), toggle with an effort (DeepSeek).
 */
export const REASONING_CONTROLS = ['effort', 'budget', 'adaptive', 'level', 'toggle'] as const;
export type ReasoningControl = (typeof REASONING_CONTROLS)[number];

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
export const FORMULA_VERSIONS = ['usage@1', 'usage@2'] as const;
export type FormulaVersion = (typeof FORMULA_VERSIONS)[number];

/** What is published today is priced by it. */
export const CURRENT_FORMULA: FormulaVersion = 'usage@2';

/** The prices that formula `usage@1` knows, per token. `image_token` prices image tokens; OpenRouter's `image` is per image and not used. */
export const PRICE_NAMES_1 = [
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

/** Prices by OpenRouter's names: per token, but `request` per call and `web_search` per search. */
export const PRICE_NAMES = [...PRICE_NAMES_1, 'input_audio_cache', 'image_output', 'request', 'web_search'] as const;
export type PriceName = (typeof PRICE_NAMES)[number];

export type PublishedPrices = Readonly<Partial<Record<PriceName, string>>> & {
  readonly prompt: string;
  readonly completion: string;
  readonly overrides?: readonly PriceOverride[];
};

/**
 * Prices that replace the base's where all of its conditions hold. Of several that do, the later in the list wins, price by price.
 */
export type PriceOverride = Readonly<Partial<Record<PriceName, string>>> & PriceConditions;

/** As OpenRouter has them. */
export interface PriceConditions {
  /** The prompt has strictly more tokens. */
  readonly min_prompt_tokens?: number;
  /** A daily window in UTC as clock numbers, HHMM: 1630 is 16:30. Half-open; it wraps midnight where the start is the later one. */
  readonly utc_start?: number;
  readonly utc_end?: number;
  /** The days on which the window holds, or the whole day where there is none. Absent: every day. */
  readonly utc_days?: readonly UtcDay[];
}

export const UTC_DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
export type UtcDay = (typeof UTC_DAYS)[number];
