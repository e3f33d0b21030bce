import { EntitySchema } from 'typeorm';
import { amount, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import { type ProviderDay, type ProviderUsageTables, providerUsage } from './provider-usage.projection.js';

export const providerDayEntity = new EntitySchema<ProviderDay>({
  name: 'ProviderDay',
  schema: SCHEMA,
  tableName: tableName('provider_day', providerUsage.version),
  columns: {
    provider: text('provider', { primary: true }),
    upstreamModel: text('upstream_model', { primary: true }),
    day: text('day', { primary: true }),
    requests: amount('requests'),
    estimatedRequests: amount('estimated_requests'),
    promptTokens: amount('prompt_tokens'),
    completionTokens: amount('completion_tokens'),
    cost: amount('cost'),
  },
});

export const providerUsageDefinition: ProjectionDefinition<ProviderUsageTables> = {
  projection: providerUsage,
  entities: { days: providerDayEntity },
};
