/** The providers behind the gateway: fakes on real sockets, which say each scene in their own wire format and log what they reported. */
import { type AnthropicBehaviour, type FakeAnthropic, startFakeAnthropic } from '../../support/fake-anthropic.js';
import { type FakeGemini, type GeminiBehaviour, startFakeGemini } from '../../support/fake-gemini.js';
import { type Behaviour, type FakeUpstream, startFakeUpstream } from '../../support/fake-upstream.js';
import type { Json } from '../http.js';
import { FIGURES, HELD_AFTER, type Scene, STRUCTURED, sceneIn, THOUGHTS, WEATHER } from './scenes.js';

export const UPSTREAMS = ['openai', 'anthropic', 'gemini', 'deepseek'] as const;
export type UpstreamName = (typeof UPSTREAMS)[number];

/** One call as its provider logged it. */
export interface LoggedCall {
  readonly upstream: UpstreamName;
  /** The id in its answer. */
  readonly id: string;
  /** The provider's name of the model. */
  readonly model: string;
  readonly requestBody: Json;
  readonly status: number | undefined;
  readonly usage: Json;
  readonly endedBy: string;
  readonly ended: Promise<unknown>;
}

export interface Upstreams {
  readonly openai: FakeUpstream;
  readonly anthropic: FakeAnthropic;
  readonly gemini: FakeGemini;
  /** All calls to one provider, in the order of arrival. */
  calls(upstream: UpstreamName): LoggedCall[];
  /** Lets the held streams of Gemini go on: it goes on billing when a client leaves, so that its stream is read to the end. */
  release(): void;
  close(): Promise<void>;
}

export async function startUpstreams(): Promise<Upstreams> {
  const gate = gates();
  const openai = await startFakeUpstream({ behaviour: (body) => asOpenAi(sceneIn(body), isDeepSeek(body)) });
  const anthropic = await startFakeAnthropic({ behaviour: (body) => asAnthropic(sceneIn(body), body.tool_choice?.name) });
  const gemini = await startFakeGemini({ behaviour: ({ requestBody }) => asGemini(sceneIn(requestBody), gate.opened) });
  return {
    openai,
    anthropic,
    gemini,
    calls(upstream) {
      const logged = (call: object, model: string) => ({ ...call, upstream, model }) as LoggedCall;
      if (upstream === 'anthropic') return anthropic.calls.map((call) => logged(call, call.requestBody.model));
      if (upstream === 'gemini') return gemini.calls.map((call) => logged(call, call.model));
      const isIts = upstream === 'deepseek' ? isDeepSeek : (body: { model: string }) => !isDeepSeek(body);
      return openai.calls.filter(({ requestBody }) => isIts(requestBody)).map((call) => logged(call, call.model));
    },
    release: gate.open,
    close: async () => {
      await Promise.all([openai.close(), anthropic.close(), gemini.close()]);
    },
  };
}

const isDeepSeek = ({ model }: { readonly model: string }): boolean => model.startsWith('deepseek');

const { input, cached, output, reasoning } = FIGURES;
/** A stream that is held says its first deltas and then nothing, until its reader leaves. */
const NEVER = new Promise<never>(() => undefined);
const heldAt = (scene: Scene, wait: () => Promise<unknown>) =>
  scene.name === 'hold' ? (index: number) => (index === HELD_AFTER ? wait() : undefined) : () => undefined;

/** OpenAI's chat completions keep what was reasoned to themselves: only its tokens are told. */
const asOpenAi = (scene: Scene, deepSeek: boolean): Behaviour => ({
  text: scene.text,
  dialect: deepSeek ? 'deepseek' : 'openai',
  usage: {
    promptTokens: input,
    cachedTokens: cached,
    completionTokens: output,
    reasoningTokens: scene.thoughts.length > 0 ? reasoning : 0,
  },
  beforeChunk: heldAt(scene, () => NEVER),
  ...(deepSeek && scene.thoughts.length > 0 && { reasoning: scene.thoughts }),
  ...(scene.callsTool && { toolCalls: [{ name: WEATHER.name, arguments: JSON.stringify(WEATHER.input) }] }),
  ...(scene.name === 'refused' && { status: 400 }),
});

/** @param forced the tool that it must call, as a model without structured outputs is made to answer by a schema */
const asAnthropic = (scene: Scene, forced: string | undefined): AnthropicBehaviour => ({
  text: scene.text,
  usage: {
    input_tokens: input - cached - 100,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 100,
    cache_creation: { ephemeral_5m_input_tokens: 60, ephemeral_1h_input_tokens: 40 },
  },
  finalUsage: {
    output_tokens: output,
    ...(scene.thoughts.length > 0 && { output_tokens_details: { thinking_tokens: reasoning } }),
  },
  beforeDelta: heldAt(scene, () => NEVER),
  ...(scene.thoughts.length > 0 && { thinking: [scene.thoughts] }),
  ...(scene.callsTool && { toolCalls: [{ name: WEATHER.name, input: WEATHER.input }] }),
  ...(forced !== undefined && { text: [], toolCalls: [{ name: forced, input: STRUCTURED.answer }] }),
  ...(scene.name === 'refused' && { status: 400 }),
});

function asGemini(scene: Scene, opened: () => Promise<unknown>): GeminiBehaviour {
  const thoughts = scene.thoughts.length > 0 ? reasoning : 0;
  return {
    text: scene.text,
    thoughts: scene.thoughts,
    usage: {
      promptTokenCount: input,
      cachedContentTokenCount: cached,
      candidatesTokenCount: output - thoughts,
      thoughtsTokenCount: thoughts,
      totalTokenCount: input + output,
    },
    beforeEvent: heldAt(scene, opened),
    ...(scene.callsTool && { toolCalls: [{ name: WEATHER.name, args: WEATHER.input }] }),
    ...(scene.name === 'refused' && { status: 400 }),
  };
}

/**
 * Whether the second call of a tool loop brings back what was reasoned ahead of the first, as the provider needs it. The fakes
 * refuse a signature that is not theirs.
 */
export function bringsReasoningBack(upstream: UpstreamName, { messages, contents, reasoning_effort }: Json): boolean {
  const thought = THOUGHTS.join('');
  switch (upstream) {
    case 'openai':
      // It has no word for it, and takes none.
      return reasoning_effort !== undefined && !JSON.stringify(messages).includes(thought);
    case 'deepseek':
      return messages.some((message: Json) => message.reasoning_content === thought);
    case 'anthropic':
      return messages.some(({ content }: Json) => Array.isArray(content) && content[0].thinking === thought);
    case 'gemini':
      return contents
        .flatMap(({ parts }: Json) => parts)
        .some((part: Json) => part.functionCall && part.thoughtSignature !== 'skip_thought_signature_validator');
  }
}

/** Whether a provider was asked for an answer by the schema, in its own words. */
export function asksForSchema(upstream: UpstreamName, body: Json): boolean {
  const { response_format, messages, output_config, tools, generationConfig } = body;
  switch (upstream) {
    case 'deepseek':
      // It has no word for a schema but words.
      return response_format.type === 'json_object' && messages[0].content.includes('"celsius":{"type":"number"');
    case 'openai':
      return response_format.json_schema.schema.properties.celsius.type === 'number';
    case 'anthropic':
      return (output_config?.format.schema ?? tools[0].input_schema).properties.celsius.type === 'number';
    case 'gemini':
      return generationConfig.responseJsonSchema.properties.celsius.type === 'number';
  }
}

/** A promise at a time, made anew once it was opened. */
function gates(): { opened: () => Promise<void>; open: () => void } {
  let waiting: (() => void)[] = [];
  return {
    opened: () => new Promise((resolve) => waiting.push(resolve)),
    open: () => {
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
}
