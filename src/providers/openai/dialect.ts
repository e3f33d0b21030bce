/**
 * Where DeepSeek and servers like it leave OpenAI's form, and OpenAI the canonical one: reasoning by another name, an answer given
 * up for want of their own resources finished with an error (DeepSeek API documentation, chat completion), and padding that hides
 * the length of a token from who listens to the packets (OpenAI's `include_obfuscation`).
 */
import type { ChatObject } from '../provider.js';
import { nameReasoning } from './reasoning-text.js';

/** `compatible`: a server that speaks OpenAI's chat completions as most of them do. */
export type OpenAiDialect = 'openai' | 'deepseek' | 'compatible';

/** Edits the parsed answer or chunk. */
export function toCanonical(answer: ChatObject): void {
  delete answer['obfuscation'];
  // Of every chunk but the last where usage was asked for: OpenRouter's client refuses it.
  if (answer['usage'] === null) delete answer['usage'];
  const { choices } = answer;
  if (!Array.isArray(choices)) return;
  for (const choice of choices) {
    if (typeof choice !== 'object' || choice === null) continue;
    if (choice.finish_reason === 'insufficient_system_resource') {
      choice.native_finish_reason = choice.finish_reason;
      choice.finish_reason = 'error';
    }
    nameReasoning(choice.delta);
    nameReasoning(choice.message);
  }
}
