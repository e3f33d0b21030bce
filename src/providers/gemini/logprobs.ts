import type { ChatObject } from '../provider.js';
import { isObject, type Json, objectsIn } from './values.js';

/** Gemini's `logprobsResult` in OpenAI's form: the chosen tokens, each with those that were likeliest in its place. */
export function logprobsOf(result: unknown): ChatObject | undefined {
  if (!isObject(result)) return undefined;
  const places = Array.isArray(result['topCandidates']) ? result['topCandidates'] : [];
  const content = objectsIn(result['chosenCandidates']).map((chosen, index) => {
    const place: unknown = places[index];
    return { ...token(chosen), top_logprobs: objectsIn(isObject(place) ? place['candidates'] : []).map(token) };
  });
  return { content, refusal: null };
}

function token({ token, logProbability }: Json) {
  const text = String(token ?? '');
  return { token: text, logprob: Number(logProbability ?? 0), bytes: [...Buffer.from(text)] };
}
