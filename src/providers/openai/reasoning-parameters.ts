import type { ChatCall } from '../provider.js';
import { type Effort, effortWithin } from '../reasoning.js';
import type { OpenAiDialect } from './dialect.js';

/**
 * DeepSeek's own efforts, and what it takes the others for (its API documentation, thinking mode): said here, so that what is sent
 * is what is done. Where the catalogue lists a model's efforts, only these come here.
 */
const DEEPSEEK_EFFORT: Readonly<Record<Effort, string>> = {
  ...{ minimal: 'low', low: 'low', medium: 'high' },
  ...{ high: 'high', xhigh: 'high', max: 'max' },
};

/** How the model is told to reason; nothing where nothing is to be said. */
export function reasoningParameters(call: ChatCall, dialect: OpenAiDialect): object {
  const { reasoning: plan } = call;
  if (plan === undefined) return {};
  // DeepSeek and some compatible servers switch thinking by a parameter of its own, which OpenAI refuses.
  const switched = dialect === 'deepseek' || (dialect === 'compatible' && plan.control === 'toggle');
  if (!plan.enabled) return switched ? { thinking: { type: 'disabled' } } : { reasoning_effort: 'none' };
  const effort = effortIn(call);
  return {
    ...(switched && plan.control === 'toggle' && { thinking: { type: 'enabled' } }),
    ...(effort && { reasoning_effort: dialect === 'deepseek' ? DEEPSEEK_EFFORT[effort] : effort }),
  };
}

/** There is no word for a budget: it is told as the effort that keeps to it. */
function effortIn({ reasoning, outputTokensMax }: ChatCall): Effort | undefined {
  if (reasoning?.effort || reasoning?.budgetTokens === undefined || outputTokensMax === undefined) return reasoning?.effort;
  return effortWithin(reasoning.budgetTokens, outputTokensMax);
}

/** Whether a model of DeepSeek thinks: they all do unless they are told not to, by the route before all others. */
export function thinks({ reasoning: plan, routeParameters }: ChatCall): boolean {
  const routed = routeParameters?.['thinking'] as { readonly type?: unknown } | undefined;
  return routed?.type === undefined ? plan?.enabled !== false : routed.type !== 'disabled';
}
