/**
 * Where DeepSeek and servers like it leave OpenAI's form: `reasoning_content` is `reasoning` here, and an answer given up for
 * want of their own resources finished with an error (DeepSeek API documentation, chat completion).
 */
import type { ChatObject } from '../provider.js';

/** Edits the parsed answer or chunk. Returns whether its text no longer says the same. */
export function toCanonical(answer: ChatObject): boolean {
  const { choices } = answer;
  if (!Array.isArray(choices)) return false;
  let edited = false;
  for (const choice of choices) {
    if (typeof choice !== 'object' || choice === null) continue;
    if (choice.finish_reason === 'insufficient_system_resource') {
      choice.finish_reason = 'error';
      edited = true;
    }
    if (renameReasoning(choice.delta)) edited = true;
    if (renameReasoning(choice.message)) edited = true;
  }
  return edited;
}

function renameReasoning(said: unknown): boolean {
  if (typeof said !== 'object' || said === null || !('reasoning_content' in said)) return false;
  const target = said as ChatObject;
  const reasoning = target.reasoning_content;
  delete target.reasoning_content;
  if (reasoning !== null) target.reasoning ??= reasoning;
  return true;
}
