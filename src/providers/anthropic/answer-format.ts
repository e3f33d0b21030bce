import type { ChatCall } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { asksToThink } from './thinking.js';
import type { Tool } from './tools.js';

/**
 * How an answer is made JSON. A model with structured outputs is given the schema. One without is made to call a single tool, whose
 * input is the answer; where it cannot be – tools of the caller's own, a model that thinks, no schema of an object – it is asked
 * for JSON in words, which is a wish and no guarantee.
 */
export type AnswerFormat =
  | { readonly by: 'schema'; readonly schema: object }
  | { readonly by: 'tool'; readonly tool: Tool }
  | { readonly by: 'words'; readonly words: string };

/** The tool whose input is the answer. */
export const ANSWER_TOOL = 'json';

const JSON_WORDS = 'Answer with one valid JSON object and nothing else: no text around it, no code fence.';

/** undefined where any text will do. */
export function answerFormat({ request, supportedParameters, reasoning }: ChatCall): AnswerFormat | undefined {
  const asked = request['response_format'] as { type?: unknown; json_schema?: unknown } | null | undefined;
  const structured = supportedParameters.includes('structured_outputs');
  if (!asked || !(structured || supportedParameters.includes('response_format'))) return undefined;
  if (asked.type === 'text') return undefined;
  if (asked.type === 'json_object') return { by: 'words', words: JSON_WORDS };
  if (asked.type !== 'json_schema') throw new CannotSay('This model can answer as text or as JSON.', 'response_format.type');
  const { schema, description } = (asked.json_schema ?? {}) as { schema?: unknown; description?: unknown };
  if (typeof schema !== 'object' || schema === null) {
    throw new CannotSay('A JSON schema is missing.', 'response_format.json_schema.schema');
  }
  if (structured) return { by: 'schema', schema: closed(schema) as object };
  const ofObject = !('type' in schema) || schema.type === 'object';
  const hasTools = Array.isArray(request['tools']) && request['tools'].length > 0;
  if (!ofObject || hasTools || asksToThink(reasoning)) {
    return { by: 'words', words: `${JSON_WORDS} It must match this JSON schema: ${JSON.stringify(schema)}` };
  }
  const says = typeof description === 'string' ? description : 'Gives the answer.';
  return { by: 'tool', tool: { name: ANSWER_TOOL, description: says, input_schema: { type: 'object', ...schema } } };
}

const SCHEMAS = ['items', 'not', 'if', 'then', 'else'];
const LISTS = ['anyOf', 'allOf', 'oneOf', 'prefixItems'];
const MAPS = ['properties', '$defs', 'definitions'];

/** Anthropic takes only objects that are closed. One that says nothing of it is: what then comes matches the schema all the same. */
function closed(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  const open = 'type' in schema && schema.type === 'object' && !('additionalProperties' in schema);
  const members = Object.entries(schema).map(([name, value]: [string, unknown]) => [name, closedMember(name, value)]);
  return { ...Object.fromEntries(members), ...(open && { additionalProperties: false }) };
}

function closedMember(name: string, value: unknown): unknown {
  if (SCHEMAS.includes(name)) return closed(value);
  if (LISTS.includes(name) && Array.isArray(value)) return value.map(closed);
  if (!MAPS.includes(name) || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, closed(each)]));
}
