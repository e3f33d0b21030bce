/** OpenAI's embeddings (openai SDK, embeddings.d.ts), which compatible servers have taken over. */
import type { ChatObject, Embedded, EmbeddingCall, ReportedUsage } from '../provider.js';
import { Reading } from '../usage-reading.js';
import type { WireFormat } from '../wire-format.js';

export const openAiEmbeddings: NonNullable<WireFormat['embeddings']> = {
  path: () => '/embeddings',
  body: ({ upstreamModel, input, dimensions }) => ({
    model: upstreamModel,
    input,
    ...(dimensions !== undefined && { dimensions }),
    encoding_format: 'float',
  }),
  answer,
};

/** undefined unless there is exactly one vector for each input. */
function answer({ data, usage }: ChatObject, { input }: EmbeddingCall): Embedded | undefined {
  if (!Array.isArray(data) || data.length !== input.length) return undefined;
  const vectors: (readonly number[])[] = [];
  for (const [place, each] of data.entries()) {
    const { index = place, embedding } = (each ?? {}) as { readonly index?: unknown; readonly embedding?: unknown };
    if (typeof index !== 'number' || !(index in input) || index in vectors || !isVector(embedding)) return undefined;
    vectors[index] = embedding;
  }
  return { vectors, usage: reported(usage) };
}

const isVector = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => Number.isFinite(each));

/** Only a prompt: nothing is put out. */
function reported(usage: unknown): ReportedUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const reading = new Reading();
  const prompt = reading.whole('prompt_tokens', (usage as ChatObject)['prompt_tokens']);
  if (prompt !== undefined) reading.add('input_uncached', prompt);
  return { usage: reading.usage, anomalies: reading.anomalies };
}
