/** Calls as the benchmark makes them: a prompt of 150 bytes that also tells the fake provider how to answer. */
const PROMPT_BYTES = 150;

const promptOf = (directives: string, bytes = PROMPT_BYTES) => `${directives} `.padEnd(bytes, 'Say the same again. ');

const chat = (directives: string, fields: object) =>
  JSON.stringify({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: promptOf(directives) }],
    ...fields,
  });

/** A model of each wire format; none of them thinks. */
export const MODELS = {
  OpenAI: 'openai/gpt-4o-mini',
  Anthropic: 'anthropic/claude-3-5-sonnet-20240620',
  Gemini: 'google/gemini-2.0-flash',
} as const;

export type ProviderName = keyof typeof MODELS;

/** A stream of prose of so many chunks; the same words are a request of `/v1/chat/completions` and of `/v1/messages`. */
export const proseRequest = (provider: ProviderName, chunks: number, chunkDelayMs: number): string =>
  JSON.stringify({
    model: MODELS[provider],
    max_tokens: 4096,
    stream: true,
    messages: [{ role: 'user', content: promptOf(`[[prose=${chunks} delay=${chunkDelayMs}]]`) }],
  });

const IMAGES = 4;
/** Base64 takes four characters for three bytes. */
const BASE64 = 4 / 3;

/** A question about photographs, which are in it as data URLs: so many bytes, round about. The same bytes in every run. */
export function imagesRequest(provider: ProviderName, bytes: number): string {
  const image = (seed: number) => pseudoRandomBytes(Math.floor(bytes / IMAGES / BASE64), seed).toString('base64');
  const images = Array.from({ length: IMAGES }, (_, index) => ({
    type: 'image_url',
    image_url: { url: `data:image/jpeg;base64,${image(index + 1)}` },
  }));
  return JSON.stringify({
    model: MODELS[provider],
    max_tokens: 64,
    messages: [{ role: 'user', content: [{ type: 'text', text: promptOf('[[chunks=20]]') }, ...images] }],
  });
}

/** Like what a camera writes, of which nothing is like anything else (Numerical Recipes' linear congruential generator). */
function pseudoRandomBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0, state = seed; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

const LONG_ANSWER = 'events=100 delay=5';

/**
 * A stream whose tokens nobody has counted, or one that is reported as usual. Paced, so that the loop has
 * little else to do: it is the counting that is looked at, and not the relay.
 * @param text the fake provider's directives for what is said
 */
export function longAnswerRequest(text: string, reported: boolean, promptBytes?: number): string {
  const directives = `[[${text} ${LONG_ANSWER}${reported ? '' : ' no-usage'}]]`;
  return JSON.stringify({
    model: MODELS.OpenAI,
    max_tokens: 16_384,
    stream: true,
    messages: [{ role: 'user', content: promptOf(directives, promptBytes) }],
  });
}

export const completionRequest = (upstreamDelayMs = 0): string =>
  chat(`[[chunks=20 delay=${upstreamDelayMs}]]`, { max_tokens: 64 });

export const CHUNKS_PER_STREAM = 100;

/** Usage is asked for, so that the pass-through relays the same events that the gateway has to ask for itself. */
export const streamRequest = (chunkDelayMs: number): string =>
  chat(`[[chunks=${CHUNKS_PER_STREAM} delay=${chunkDelayMs}]]`, {
    max_tokens: 128,
    stream: true,
    stream_options: { include_usage: true },
  });
