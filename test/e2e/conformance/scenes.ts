/**
 * What a provider is to answer, named in the prompt: `scene=tools`. Each fake turns a scene into its own wire format, so that every
 * provider says the same to every client.
 */
import { z } from 'zod';

export const SCENES = ['plain', 'tools', 'json', 'think', 'reason', 'hold', 'refused'] as const;
export type SceneName = (typeof SCENES)[number];

export interface Scene {
  readonly name: SceneName;
  /** Reasoning ahead of everything else, in deltas. */
  readonly thoughts: readonly string[];
  /** In deltas; none where a tool is called. */
  readonly text: readonly string[];
  readonly callsTool: boolean;
}

export const prompt = (name: SceneName): string => `Please answer. scene=${name}`;

export const WEATHER = {
  name: 'get_weather',
  description: 'The weather of a city.',
  /** JSON Schema of its input. */
  schema: {
    type: 'object' as const,
    properties: { city: { type: 'string' as const } },
    required: ['city'],
    additionalProperties: false,
  },
  input: { city: 'Zürich' },
  result: '21 degrees',
};

/** What the structured answer is, and its schema, as OpenAI's strict mode demands it: for zod, and in JSON Schema. */
export const STRUCTURED = {
  zod: z.strictObject({ city: z.string(), celsius: z.number() }),
  name: 'weather',
  answer: { city: 'Zürich', celsius: 21 },
  schema: {
    type: 'object' as const,
    properties: { city: { type: 'string' as const }, celsius: { type: 'number' as const } },
    required: ['city', 'celsius'],
    additionalProperties: false,
  },
};

export const TEXT = ['The ', 'sky ', 'is ', 'blue.'];
export const AFTER_TOOL = ['It is ', '21 degrees.'];
export const THOUGHTS = ['First ', 'second.'];
/** How many deltas of `TEXT` go out before a held stream waits. */
export const HELD_AFTER = 2;

/** The figures of every answer that is told whole: the same sums in each provider's words. */
export const FIGURES = { input: 1_003, cached: 401, output: 77, reasoning: 13 };

/** The forms in which providers get the result of a tool. */
const TOOL_RESULT = /"role":"tool"|"type":"tool_result"|"functionResponse"/;

/** @param body of the request to the provider; throws where it names no scene, so that no answer is given by chance */
export function sceneIn(body: unknown): Scene {
  const text = JSON.stringify(body);
  const name = SCENES.find((each) => text.includes(`scene=${each}`));
  if (name === undefined) throw new Error(`no scene in ${text.slice(0, 500)}`);
  const callsTool = (name === 'tools' || name === 'reason') && !TOOL_RESULT.test(text);
  return { name, callsTool, text: callsTool ? [] : textOf(name), thoughts: thoughtsOf(name, callsTool) };
}

function textOf(name: SceneName): readonly string[] {
  switch (name) {
    case 'tools':
    case 'reason':
      return AFTER_TOOL;
    case 'json':
      return ['{"city":', '"Zürich",', '"celsius":21}'];
    case 'plain':
    case 'think':
    case 'hold':
    case 'refused':
      return TEXT;
  }
}

const thoughtsOf = (name: SceneName, callsTool: boolean): readonly string[] =>
  name === 'think' || (name === 'reason' && callsTool) ? THOUGHTS : [];
