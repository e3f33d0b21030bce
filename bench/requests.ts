/** Calls as the benchmark makes them: a prompt of 150 bytes that also tells the fake provider how to answer. */
const PROMPT_BYTES = 150;

const chat = (directives: string, fields: object) =>
  JSON.stringify({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: `${directives} `.padEnd(PROMPT_BYTES, 'Say the same again. ') }],
    ...fields,
  });

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
