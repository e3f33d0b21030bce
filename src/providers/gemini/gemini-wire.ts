import type { WireFormat } from '../wire-format.js';
import { completion } from './answer.js';
import { embedded, embeddingBody } from './embeddings.js';
import { GeminiEvents } from './event-reader.js';
import { requestBody, WORDS } from './request.js';

const pathOf = (model: string, method: string) => `/v1beta/models/${encodeURIComponent(model)}:${method}`;

/**
 * Google's generateContent, for models of the Gemini API (ai.google.dev/api/generate-content). The base URL is an origin.
 * Google goes on generating, and charging, when the connection is closed: a stream is read to its end. Thoughts count within the
 * limit on the output, which may go unsaid: it is the model's own then.
 */
export const geminiWire: WireFormat = {
  takes: WORDS,
  stopsBillingOnAbort: false,
  needsOutputLimit: false,
  headers: (apiKey) => ['x-goog-api-key', apiKey],
  path: ({ upstreamModel }, streamed) =>
    streamed ? `${pathOf(upstreamModel, 'streamGenerateContent')}?alt=sse` : pathOf(upstreamModel, 'generateContent'),
  body: requestBody,
  completion,
  reader: (outlet) => new GeminiEvents(outlet),
  embeddings: {
    path: ({ upstreamModel }) => pathOf(upstreamModel, 'batchEmbedContents'),
    body: embeddingBody,
    answer: embedded,
  },
};
