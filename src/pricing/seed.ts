import type { Cause } from '../event-store/envelope.js';
import type { PublishModel } from './domain/publish-model.js';
import { anthropicModels } from './seed/anthropic.js';
import { adaptiveClaudeModels } from './seed/anthropic-adaptive.js';
import { deepseekModels } from './seed/deepseek.js';
import { embeddingModels } from './seed/embeddings.js';
import { googleModels } from './seed/google.js';
import { openaiModels } from './seed/openai.js';
import { gpt5Models } from './seed/openai-gpt-5.js';

/** What a book that has never seen these models begins with. Later publications stand: this is never published over them. */
export const SEED_CATALOGUE: readonly PublishModel[] = [
  ...gpt5Models,
  ...openaiModels,
  ...anthropicModels,
  ...adaptiveClaudeModels,
  ...googleModels,
  ...deepseekModels,
  ...embeddingModels,
];

/** The same for ever, so that two processes that start at once publish each model once. */
export const seedCause = (model: string): Cause => ({
  commandId: `seed:${model}`,
  correlationId: 'seed',
  actor: { type: 'system', id: 'seed' },
});
