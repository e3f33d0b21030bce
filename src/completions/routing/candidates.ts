import type { PriceBook, PricedModel } from '../../pricing/index.js';
import type { ChosenRoute, RouteHealth, Routing } from '../../providers/index.js';
import type { ChatRequest } from '../chat-request.js';
import { noEndpoints, noProvider, unknownModel, wrongEndpoint } from '../completions.problems.js';
import type { ProviderPreferences, RouteSort } from './provider-preferences.js';
import { splitVariant, type Variant } from './variants.js';

/** One way to serve a request: a model, who serves it, and under which name there. */
export interface Candidate extends ChosenRoute {
  readonly model: PricedModel;
  readonly variant: Variant;
}

/** What is asked of a model. */
export type Task = 'chat' | 'embeddings';

interface Sources {
  readonly prices: Pick<PriceBook, 'resolve'>;
  readonly routing: Pick<Routing, 'open'>;
  readonly health: RouteHealth;
  readonly task: Task;
}

/**
 * The ways to serve a request, the one to try first first; never empty. Models come in the order in which the caller names them,
 * each with the routes that its preferences leave, and those that fail just now last.
 * Throws ApiError: 400 for a model that there is not, 404 where the preferences leave nothing, 503 where no provider is on.
 */
export function candidatesFor(request: ChatRequest, sources: Sources): readonly [Candidate, ...Candidate[]] {
  const wishes = request.provider ?? {};
  const named = modelNames(request).map((each) => resolved(each, sources));
  const served = named.map(({ model, variant }) =>
    sources.routing.open(model.routes).map((chosen): Candidate => ({ ...chosen, model, variant })),
  );
  if (served.every((each) => each.length === 0)) throw noProvider(named[0]?.model.id ?? '');
  const allowed = served.map((each) =>
    each.filter(
      (candidate) => (sources.task === 'chat' || candidate.provider.embed !== undefined) && isAllowed(candidate, wishes, request),
    ),
  );
  const { by, acrossModels } = sortOf(wishes, named[0]?.variant);
  const ordered = acrossModels
    ? inOrder(allowed.flat(), by, wishes, sources.health)
    : allowed.flatMap((each) => inOrder(each, by, wishes, sources.health));
  const distinct = ordered.filter((each, index) => ordered.findIndex((other) => isSameCall(other, each)) === index);
  const [first, ...others] = wishes.allow_fallbacks === false && !wishes.order?.length ? firstOfEachModel(distinct) : distinct;
  if (first === undefined) throw noEndpoints(named.map(({ model }) => model.id));
  return [first, ...others];
}

/** A model that is named twice, by another name or for another order, is not called twice by the same route. */
const isSameCall = (one: Candidate, other: Candidate): boolean =>
  one.model.id === other.model.id && one.route === other.route && one.variant.thinking === other.variant.thinking;

const firstOfEachModel = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ model }, index) => candidates.findIndex((other) => other.model.id === model.id) === index);

const modelNames = ({ model, models }: ChatRequest): string[] => [
  ...new Set([...(model == null ? [] : [model]), ...(models ?? [])]),
];

function resolved(asked: string, sources: Sources): { readonly model: PricedModel; readonly variant: Variant } {
  const found = modelNamed(asked, sources);
  const embeds = found.model.outputModalities.includes('embeddings');
  if (embeds !== (sources.task === 'embeddings')) throw wrongEndpoint(asked, embeds);
  return found;
}

function modelNamed(asked: string, { prices }: Sources): { readonly model: PricedModel; readonly variant: Variant } {
  // A published name may end like a variant, such as a model's free version.
  const whole = prices.resolve(asked);
  if (whole) return { model: whole, variant: {} };
  const { name, variant } = splitVariant(asked);
  const model = prices.resolve(name);
  if (!model || (variant.free && !isFree(model))) throw unknownModel(asked);
  return { model, variant };
}

const isFree = ({ pricing }: PricedModel): boolean => Number(pricing.prompt) === 0 && Number(pricing.completion) === 0;

function isAllowed(candidate: Candidate, wishes: ProviderPreferences, request: ChatRequest): boolean {
  const { provider, route, model } = candidate;
  const isNamed = (names: readonly string[] | null | undefined) => names?.some((name) => isName(name, candidate)) ?? false;
  if (wishes.only?.length && !isNamed(wishes.only)) return false;
  if (isNamed(wishes.ignore)) return false;
  if (wishes.order?.length && wishes.allow_fallbacks === false && !isNamed(wishes.order)) return false;
  if (wishes.data_collection === 'deny' && route.dataCollection !== 'deny') return false;
  if (wishes.quantizations?.length && !wishes.quantizations.includes((route.quantization ?? 'unknown') as 'unknown'))
    return false;
  if (wishes.max_price && isDearer(model, wishes.max_price)) return false;
  return !wishes.require_parameters || parametersOf(request).every((name) => provider.takes.has(name) && isTaken(name, model));
}

/** What OpenRouter's clients call a provider by. */
const ALSO_CALLED: Readonly<Record<string, string>> = { 'google-ai-studio': 'gemini' };

const isName = (name: string, { provider }: Candidate): boolean => {
  const asked = name.toLowerCase();
  // `deepinfra/turbo` names a kind of endpoint of a provider: here there is one.
  const base = asked.split('/')[0] as string;
  return asked === provider.name.toLowerCase() || (ALSO_CALLED[base] ?? base) === provider.id;
};

const PER_MILLION = 1_000_000;

function isDearer({ pricing }: PricedModel, most: NonNullable<ProviderPreferences['max_price']>): boolean {
  const exceeds = (price: string | undefined, bound: number | null | undefined, unit: number) =>
    bound != null && Number(price ?? '0') * unit > bound + Number.EPSILON;
  return (
    exceeds(pricing.prompt, most.prompt, PER_MILLION) ||
    exceeds(pricing.completion, most.completion, PER_MILLION) ||
    exceeds(pricing.request, most.request, 1)
  );
}

/** Members of a request that are no parameters of a model: who serves it, and how it is answered. */
const NO_PARAMETERS = new Set([
  ...['model', 'models', 'messages', 'provider', 'route', 'stream', 'stream_options', 'user', 'metadata', 'session_id', 'usage'],
  ...['transforms', 'plugins', 'trace', 'debug', 'n'],
]);
/** What is governed by another name of a model's list, or belongs to every model. */
const GOVERNED_BY: Readonly<Record<string, readonly string[]>> = {
  thinking: ['reasoning'],
  reasoning_effort: ['reasoning_effort', 'reasoning'],
  response_format: ['response_format', 'structured_outputs'],
  max_completion_tokens: ['max_completion_tokens', 'max_tokens'],
  max_tokens: ['max_tokens', 'max_completion_tokens'],
};

const parametersOf = (request: ChatRequest): string[] =>
  Object.keys(request).filter((name) => request[name] != null && !NO_PARAMETERS.has(name));
const isTaken = (name: string, { supportedParameters }: PricedModel): boolean =>
  (GOVERNED_BY[name] ?? [name]).some((each) => supportedParameters.includes(each));

function sortOf({ sort }: ProviderPreferences, variant: Variant | undefined) {
  const by = (typeof sort === 'object' ? sort?.by : sort) ?? variant?.sort;
  return { by, acrossModels: typeof sort === 'object' && sort?.partition === 'none' };
}

/** Whom the caller puts first, then by the caller's measure, then as the catalogue has them; who fails just now comes last. */
function inOrder(
  candidates: readonly Candidate[],
  by: RouteSort | undefined,
  { order }: ProviderPreferences,
  health: RouteHealth,
): Candidate[] {
  // The usual case: there is nothing to put in order.
  if (candidates.length < 2) return [...candidates];
  const rank = (candidate: Candidate) => {
    const index = order?.findIndex((name) => isName(name, candidate)) ?? -1;
    return index === -1 ? (order?.length ?? 0) : index;
  };
  const measured = new Map(candidates.map((candidate) => [candidate, measure(candidate, by, health)]));
  const failing = ({ provider, route }: Candidate) => Number(health.isFailing(provider, route.upstreamModel));
  return candidates.toSorted(
    (a, b) => failing(a) - failing(b) || rank(a) - rank(b) || (measured.get(a) ?? 0) - (measured.get(b) ?? 0),
  );
}

/** The less the better; 0 where nothing is known, so that it is found out. */
function measure({ model, provider, route }: Candidate, by: RouteSort | undefined, health: RouteHealth): number {
  if (by === 'price') return Number(model.pricing.prompt) + Number(model.pricing.completion);
  const figures = health.of(provider.id, route.upstreamModel);
  if (by === 'latency') return median(figures?.latencyMs) ?? 0;
  if (by === 'throughput') return -(median(figures?.tokensPerSecond) ?? Number.POSITIVE_INFINITY);
  return 0;
}

function median(values: readonly number[] | undefined): number | undefined {
  return values?.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
