import type { ChatParameters } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { cacheControl } from './cache-control.js';

export interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly input_schema: object;
}

export interface ToolChoice {
  readonly type: 'auto' | 'any' | 'none' | 'tool';
  readonly name?: string;
  readonly disable_parallel_tool_use?: true;
}

/** Function tools. Throws CannotSay for others, which would be somebody else's to run, at a price that is not ours. */
export function toolsOf(tools: unknown): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools.map((tool, index) => {
    const path = `tools[${index}]`;
    const { type, function: said, cache_control } = (tool ?? {}) as Record<string, unknown>;
    if (type !== 'function') throw new CannotSay('Only tools of the type `function` can be sent to this model.', `${path}.type`);
    const { name, description, parameters } = (said ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string') throw new CannotSay('A function needs a name.', `${path}.function.name`);
    return {
      name,
      ...(typeof description === 'string' && { description }),
      input_schema: { type: 'object', ...(parameters ? (parameters as object) : { properties: {} }) },
      ...cacheControl(cache_control),
    };
  });
}

/**
 * @param mayForce false while the model thinks: it then chooses freely, because Anthropic refuses to force it
 * @returns undefined where nothing is to be said
 */
export function toolChoiceOf(
  { tool_choice: asked, parallel_tool_calls: parallel }: ChatParameters,
  mayForce: boolean,
): ToolChoice | undefined {
  const wanted = wantedChoice(asked);
  const choice: ToolChoice | undefined = (wanted?.type === 'any' || wanted?.type === 'tool') && !mayForce ? AUTO : wanted;
  if (parallel !== false || choice?.type === 'none') return choice;
  return { ...(choice ?? AUTO), disable_parallel_tool_use: true };
}

const AUTO: ToolChoice = { type: 'auto' };
const WORDS: ReadonlyMap<unknown, ToolChoice> = new Map([
  ['auto', AUTO],
  ['required', { type: 'any' } as const],
  ['any', { type: 'any' } as const],
  ['none', { type: 'none' } as const],
]);

function wantedChoice(asked: unknown): ToolChoice | undefined {
  if (asked === undefined || asked === null) return undefined;
  const word = WORDS.get(asked);
  if (word) return word;
  const { type, function: named } = asked as { type?: unknown; function?: { name?: unknown } };
  if (type === 'function' && typeof named?.name === 'string') return { type: 'tool', name: named.name };
  throw new CannotSay('`tool_choice` must be auto, required, none or a function.', 'tool_choice');
}
