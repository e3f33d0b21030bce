/**
 * Where DeepSeek and servers like it leave OpenAI's form: `reasoning_content` is `reasoning` here, and an answer given up for
 * want of their own resources finished with an error (DeepSeek API documentation, chat completion).
 */
import type { ChatObject } from '../provider.js';

/** Edits the parsed answer or chunk. */
export function toCanonical({ choices }: ChatObject): void {
  if (!Array.isArray(choices)) return;
  for (const choice of choices) {
    if (typeof choice !== 'object' || choice === null) continue;
    if (choice.finish_reason === 'insufficient_system_resource') choice.finish_reason = 'error';
    renameReasoning(choice.delta);
    renameReasoning(choice.message);
  }
}

function renameReasoning(said: unknown): void {
  if (typeof said !== 'object' || said === null || !('reasoning_content' in said)) return;
  const target = said as ChatObject;
  const reasoning = target.reasoning_content;
  delete target.reasoning_content;
  if (reasoning !== null) target.reasoning ??= reasoning;
}
