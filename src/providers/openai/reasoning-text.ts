/**
 * Reasoning as text: `reasoning_content` of DeepSeek and servers like it, `reasoning` and `reasoning_details` of OpenRouter, which
 * are the canonical form.
 */
import type { ChatMessage, ChatObject } from '../provider.js';

/** Edits a message or delta of an answer: what it has reasoned gets its canonical names. */
export function nameReasoning(said: unknown): void {
  if (typeof said !== 'object' || said === null) return;
  const target = said as ChatObject;
  const { reasoning_content } = target;
  if (reasoning_content !== undefined) {
    delete target['reasoning_content'];
    if (reasoning_content !== null) target['reasoning'] ??= reasoning_content;
  }
  const { reasoning } = target;
  if (typeof reasoning === 'string' && reasoning !== '') target['reasoning_details'] ??= [detail(reasoning)];
}

const detail = (text: string) => ({ type: 'reasoning.text', text, format: 'unknown', index: 0 });

/** The reasoning in a message that a client gives back, in whichever of its forms; '' where there is none. */
export function reasoningIn({ reasoning, reasoning_content, reasoning_details }: ChatMessage): string {
  if (isText(reasoning)) return reasoning;
  if (isText(reasoning_content)) return reasoning_content;
  return Array.isArray(reasoning_details) ? reasoning_details.map(textOf).join('') : '';
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function textOf(given: unknown): string {
  const { type, text } = (given ?? {}) as { readonly type?: unknown; readonly text?: unknown };
  return type === 'reasoning.text' && typeof text === 'string' ? text : '';
}
