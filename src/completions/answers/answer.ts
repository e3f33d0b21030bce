import { completionTokens } from '../../pricing/index.js';
import type { ChatObject, ReportedUsage } from '../../providers/index.js';
import type { Generation } from '../generation.js';
import type { UsageBlock } from './answer-dialect.js';

/**
 * The answer as OpenRouter gives it: our generation's id and model in place of the provider's, who served it, and none of the
 * nulls that OpenRouter's client refuses.
 */
export function completionBody(generation: Generation, completion: ChatObject, usage: UsageBlock): object {
  const {
    id: _id,
    object: _object,
    model: _model,
    usage: _usage,
    choices,
    created: _created,
    system_fingerprint,
    ...rest
  } = completion;
  return {
    id: generation.id,
    object: 'chat.completion',
    created: Math.floor(generation.at / 1000),
    model: generation.model.id,
    provider: generation.provider.name,
    system_fingerprint: system_fingerprint ?? null,
    choices: asChoices(choices).map(completeChoice),
    ...rest,
    usage,
  };
}

function completeChoice(choice: ChatObject): ChatObject {
  const message = choice['message'] as ChatObject | undefined;
  if (message?.['tool_calls'] === null) delete message['tool_calls'];
  const finish = choice['finish_reason'] ?? null;
  return {
    ...choice,
    logprobs: choice['logprobs'] ?? null,
    finish_reason: finish,
    native_finish_reason: choice['native_finish_reason'] ?? finish,
  };
}

/** The choices of an answer or chunk; what is none is left out. */
export const asChoices = (choices: unknown): ChatObject[] => (Array.isArray(choices) ? choices.filter(isObject) : []);
const isObject = (value: unknown): value is ChatObject => typeof value === 'object' && value !== null;

/** Whether a choice of an answer or a chunk carries anything that was generated. */
export function hasContent(message: ChatObject | undefined): boolean {
  if (!message) return false;
  return GENERATED.some((name) => {
    const value = message[name];
    return typeof value === 'string' ? value !== '' : value != null && (!Array.isArray(value) || value.length > 0);
  });
}

const GENERATED = [
  'content',
  'reasoning',
  'refusal',
  'tool_calls',
  'function_call',
  'audio',
  'reasoning_details',
  'images',
] as const;

/** A function's name and arguments, or pieces of them: what of a call the model has written. */
function calledText(called: unknown): string {
  if (!isObject(called)) return '';
  return [called['name'], called['arguments']].filter((each) => typeof each === 'string').join('');
}

/** What was generated in a message or delta, as text: what a tokenizer counts where the provider did not. */
export function generatedText(message: ChatObject | undefined): string {
  if (!message) return '';
  let text = '';
  for (const name of ['content', 'reasoning', 'refusal'] as const) if (typeof message[name] === 'string') text += message[name];
  for (const call of [message, ...asChoices(message['tool_calls'])])
    text += calledText(call['function'] ?? call['function_call']);
  return text;
}

/**
 * Whether there is something to charge for. No token generated and a blank or error finish is nothing served, whatever the
 * prompt cost the provider.
 */
export function isServed(generated: boolean, finishReason: unknown, reported: ReportedUsage | undefined): boolean {
  if (generated || (reported && completionTokens(reported.usage) > 0)) return true;
  return typeof finishReason === 'string' && finishReason !== '' && finishReason !== 'error';
}

/** Takes the reasoning out of a message or delta: it was paid for, and the client wants none of it. */
export function withoutReasoning(message: unknown): void {
  if (typeof message !== 'object' || message === null) return;
  const said = message as ChatObject;
  delete said['reasoning'];
  delete said['reasoning_details'];
}
