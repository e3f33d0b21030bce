import { EntitySchema } from 'typeorm';
import { amount, instant, json, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import { usage } from './usage.projection.js';
import type { Generation, UsageOfDay, UsageTables } from './usage-tables.projection.js';

const table = (name: string) => ({ schema: SCHEMA, tableName: tableName(name, usage.version) });

export const generationEntity = new EntitySchema<Generation>({
  name: 'Generation',
  ...table('generation'),
  columns: {
    accountId: text('account_id', { primary: true }),
    generationId: text('generation_id', { primary: true }),
    keyId: text('key_id'),
    model: text('model'),
    status: text('status'),
    ending: text('ending', { nullable: true }),
    reservedAt: instant('reserved_at'),
    endedAt: instant('ended_at', { nullable: true }),
    cost: amount('cost'),
    classes: json('classes'),
    usageSource: text('usage_source', { nullable: true }),
    attempts: json('attempts'),
    answer: json('answer'),
  },
});

/** Counts are as wide as amounts: what a provider reports in a day has no bound of ours. */
export const usageOfDayEntity = new EntitySchema<UsageOfDay>({
  name: 'UsageOfDay',
  ...table('usage_of_day'),
  columns: {
    accountId: text('account_id', { primary: true }),
    day: text('day', { primary: true }),
    keyId: text('key_id', { primary: true }),
    model: text('model', { primary: true }),
    provider: text('provider', { primary: true }),
    requests: amount('requests'),
    promptTokens: amount('prompt_tokens'),
    completionTokens: amount('completion_tokens'),
    reasoningTokens: amount('reasoning_tokens'),
    cost: amount('cost'),
  },
});

export const usageDefinition: ProjectionDefinition<UsageTables> = {
  projection: usage,
  entities: { generations: generationEntity, days: usageOfDayEntity },
};
