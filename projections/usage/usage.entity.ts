import { EntitySchema } from 'typeorm';
import { amount, instant, json, position, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import { usage } from './usage.projection.js';
import type { Generation, UsageOfDay, UsageOfHour, UsageTables } from './usage-tables.projection.js';

const nameOf = (name: string): string => tableName(name, usage.version);
const table = (name: string) => ({ schema: SCHEMA, tableName: nameOf(name) });

/** Counts are as wide as amounts: what a provider reports in a day has no bound of ours. */
const counts = {
  promptTokens: amount('prompt_tokens'),
  cachedTokens: amount('cached_tokens'),
  completionTokens: amount('completion_tokens'),
  reasoningTokens: amount('reasoning_tokens'),
  cost: amount('cost'),
};

/** One index beside the key, of columns that never change: a settlement writes no index. */
export const generationEntity = new EntitySchema<Generation>({
  name: 'Generation',
  ...table('generation'),
  columns: {
    accountId: text('account_id', { primary: true }),
    generationId: text('generation_id', { primary: true }),
    keyId: text('key_id'),
    quotedModel: text('quoted_model'),
    model: text('model'),
    provider: text('provider'),
    reservedAt: instant('reserved_at'),
    reservedRevision: position('reserved_revision'),
    reservedPosition: position('reserved_position'),
    releaseReason: text('release_reason', { nullable: true }),
    releasedAt: instant('released_at', { nullable: true }),
    releasedRevision: position('released_revision', { nullable: true }),
    releasedPosition: position('released_position', { nullable: true }),
    outcome: text('outcome', { nullable: true }),
    chargedAt: instant('charged_at', { nullable: true }),
    chargedRevision: position('charged_revision', { nullable: true }),
    chargedPosition: position('charged_position', { nullable: true }),
    usageSource: text('usage_source', { nullable: true }),
    priceVersion: text('price_version', { nullable: true }),
    formulaVersion: text('formula_version', { nullable: true }),
    ...counts,
    refunded: amount('refunded'),
    refunds: json('refunds'),
    extensions: json('extensions'),
  },
  indices: [{ name: `${nameOf('generation')}_reserved`, columns: ['accountId', 'reservedAt', 'reservedPosition'] }],
});

/** Who used what at whom, in the order of the keys. */
const user = {
  keyId: text('key_id', { primary: true }),
  model: text('model', { primary: true }),
  provider: text('provider', { primary: true }),
};
const figures = {
  requests: amount('requests'),
  estimatedRequests: amount('estimated_requests'),
  ...counts,
  firstPosition: position('first_position'),
  lastPosition: position('last_position'),
  reservedFrom: instant('reserved_from'),
};

/** The index by span is for questions about all accounts. */
export const usageOfHourEntity = new EntitySchema<UsageOfHour>({
  name: 'UsageOfHour',
  ...table('usage_of_hour'),
  columns: {
    accountId: text('account_id', { primary: true }),
    hour: text('hour', { primary: true }),
    ...user,
    ...figures,
  },
  indices: [{ name: `${nameOf('usage_of_hour')}_hour`, columns: ['hour', 'accountId'] }],
});

export const usageOfDayEntity = new EntitySchema<UsageOfDay>({
  name: 'UsageOfDay',
  ...table('usage_of_day'),
  columns: {
    accountId: text('account_id', { primary: true }),
    day: text('day', { primary: true }),
    ...user,
    ...figures,
  },
  indices: [{ name: `${nameOf('usage_of_day')}_day`, columns: ['day', 'accountId'] }],
});

export const usageDefinition: ProjectionDefinition<UsageTables> = {
  projection: usage,
  entities: { generations: generationEntity, hours: usageOfHourEntity, days: usageOfDayEntity },
};
