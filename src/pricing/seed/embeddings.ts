import type { PublishModel } from '../domain/publish-model.js';
import { day, perMillion } from './seed-model.js';

/**
 * Models that turn texts into vectors, and are paid for the texts alone. List prices of developers.openai.com/api/docs/models and
 * ai.google.dev/gemini-api/docs/pricing, as of 2026-11; the context is that of one text. There is no answer to limit: its most is 1
 * token, because a model has to have one, at a price of 0.
 */
const shared = {
  inputModalities: ['text'],
  outputModalities: ['embeddings'],
  maxCompletionTokens: 1,
  defaultCompletionTokens: 1,
  imageTokensMax: 1,
  supportedParameters: [],
};

export const embeddingModels: readonly PublishModel[] = [
  {
    catalogue: {
      ...shared,
      id: 'openai/text-embedding-3-small',
      aliases: [],
      name: 'OpenAI: Text Embedding 3 Small',
      description: 'A small embedding model of 1,536 dimensions.',
      created: day('2024-01-25'),
      contextLength: 8_191,
      tokenizer: 'GPT',
      routes: [{ provider: 'openai', upstreamModel: 'text-embedding-3-small' }],
    },
    prices: perMillion({ prompt: '0.02', completion: '0' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'openai/text-embedding-3-large',
      aliases: [],
      name: 'OpenAI: Text Embedding 3 Large',
      description: 'A large embedding model of 3,072 dimensions.',
      created: day('2024-01-25'),
      contextLength: 8_191,
      tokenizer: 'GPT',
      routes: [{ provider: 'openai', upstreamModel: 'text-embedding-3-large' }],
    },
    prices: perMillion({ prompt: '0.13', completion: '0' }),
  },
  {
    catalogue: {
      ...shared,
      id: 'google/gemini-embedding-001',
      aliases: [],
      name: 'Google: Gemini Embedding 001',
      description: 'An embedding model for many languages, of 3,072 dimensions.',
      created: day('2025-07-14'),
      contextLength: 2_048,
      tokenizer: 'Gemini',
      routes: [{ provider: 'gemini', upstreamModel: 'gemini-embedding-001' }],
    },
    prices: perMillion({ prompt: '0.15', completion: '0' }),
  },
];
