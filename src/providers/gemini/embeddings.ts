import type { ChatObject, Embedded, EmbeddingCall } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { objectsIn } from './values.js';

/** One request for each text. Gemini tokenizes by itself, and takes no tokens of another's tokenizer. */
export function embeddingBody({ input, upstreamModel, dimensions }: EmbeddingCall): object {
  const requests = input.map((text, index) => {
    if (typeof text !== 'string') throw new CannotSay('Google embeds texts, not token numbers.', `input[${index}]`);
    return {
      model: `models/${upstreamModel}`,
      content: { parts: [{ text }] },
      ...(dimensions !== undefined && { outputDimensionality: dimensions }),
    };
  });
  return { requests };
}

/** The vectors in order; undefined where there is not one for each text. Gemini tells no usage: it is to be estimated. */
export function embedded({ embeddings }: ChatObject, { input }: EmbeddingCall): Embedded | undefined {
  const vectors = objectsIn(embeddings).map(({ values }) => values);
  return vectors.length === input.length && vectors.every(isVector) ? { vectors, usage: undefined } : undefined;
}

const isVector = (values: unknown): values is number[] =>
  Array.isArray(values) && values.length > 0 && values.every((value) => Number.isFinite(value));
