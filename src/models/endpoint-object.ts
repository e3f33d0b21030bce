import type { PricedModel } from '../pricing/index.js';
import type { Provider } from '../providers/index.js';
import { listedProvider } from './provider-directory.js';
import type { RouteStatistics } from './route-statistics.js';

/** OpenRouter's statuses of an endpoint, of which these two are used: it is served, or its provider is switched off. */
const SERVED = 0;
const OFF = -10;

/** A provider whose cache is used without being asked, where a model has a price for it. */
const CACHES_ONLY_ON_REQUEST = 'anthropic';

interface Served {
  readonly provider: string;
  readonly upstreamModel: string;
}

/** OpenRouter's object of a model with all that serve it: one endpoint for each of its routes, on or off. */
export function modelWithEndpoints(model: PricedModel, providers: readonly Provider[], statistics: RouteStatistics) {
  return {
    id: model.id,
    name: model.name,
    created: model.created,
    description: model.description,
    architecture: {
      modality: `${model.inputModalities.join('+')}->${model.outputModalities.join('+')}`,
      input_modalities: model.inputModalities,
      output_modalities: model.outputModalities,
      tokenizer: model.tokenizer,
      instruct_type: null,
    },
    endpoints: servedBy(model, providers).map((route) => endpointObject(model, route, providers, statistics)),
  };
}

/** With no provider configured the demo provider answers for every model. */
function servedBy({ id, routes }: PricedModel, providers: readonly Provider[]): Served[] {
  const isListed = routes.some(({ provider }) => provider === 'demo');
  const demo = providers.find((provider) => provider.id === 'demo');
  return [...(demo && !isListed ? [{ provider: demo.id, upstreamModel: routes[0]?.upstreamModel ?? id }] : []), ...routes];
}

function endpointObject(model: PricedModel, route: Served, providers: readonly Provider[], statistics: RouteStatistics) {
  const provider = providers.find(({ id }) => id === route.provider);
  const { name, slug } = listedProvider(route.provider, provider?.name);
  const parameters = model.supportedParameters.filter((parameter) => provider === undefined || provider.takes.has(parameter));
  const choosesTools = parameters.includes('tool_choice');
  const figures = statistics.of(route.provider, route.upstreamModel);
  return {
    name: `${name} | ${model.id}`,
    tag: slug,
    model_id: model.id,
    model_name: model.name,
    provider_name: name,
    context_length: model.contextLength,
    max_completion_tokens: model.maxCompletionTokens,
    max_prompt_tokens: null,
    quantization: null,
    status: provider === undefined ? OFF : SERVED,
    pricing: model.pricing,
    supported_parameters: parameters,
    supports_implicit_caching: model.pricing.input_cache_read !== undefined && route.provider !== CACHES_ONLY_ON_REQUEST,
    supports_tool_choice: { auto: choosesTools, none: choosesTools, required: choosesTools, function: choosesTools },
    supports_voice_cloning: false,
    uptime_last_5m: figures?.uptimeLast5m ?? null,
    uptime_last_30m: figures?.uptimeLast30m ?? null,
    uptime_last_1d: figures?.uptimeLast1d ?? null,
    latency_last_30m: figures?.latencyLast30m ?? null,
    throughput_last_30m: figures?.throughputLast30m ?? null,
  };
}
