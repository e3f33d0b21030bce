import type { EntitySchemaColumnOptions } from 'typeorm';
import type { Instant } from '../../src/kernel/time.js';

/** Columns of read models. Amounts are exact at any size; times are kept to the millisecond. */
type Options = Pick<EntitySchemaColumnOptions, 'primary' | 'nullable'>;

const toText = (value: bigint | null): string | null => (value === null ? null : value.toString());
const toBigInt = (value: string | null): bigint | null => (value === null ? null : BigInt(value));

export const text = (name: string, options: Options = {}): EntitySchemaColumnOptions => ({ type: 'text', name, ...options });
export const flag = (name: string): EntitySchemaColumnOptions => ({ type: 'boolean', name });
export const integer = (name: string, options: Options = {}): EntitySchemaColumnOptions => ({
  type: 'integer',
  name,
  ...options,
});
export const json = (name: string): EntitySchemaColumnOptions => ({ type: 'jsonb', name });

/** Nano-credits. `numeric`, since a grant may exceed what 64 bits hold, and an overflow would stop the projection. */
export const amount = (name: string, options: Options = {}): EntitySchemaColumnOptions => ({
  type: 'numeric',
  name,
  transformer: { to: toText, from: toBigInt },
  ...options,
});

/** A commit position or a revision of the event store. */
export const position = (name: string, options: Options = {}): EntitySchemaColumnOptions => ({
  type: 'bigint',
  name,
  transformer: { to: toText, from: toBigInt },
  ...options,
});

export const instant = (name: string, options: Options = {}): EntitySchemaColumnOptions => ({
  type: 'timestamptz',
  name,
  transformer: {
    to: (at: Instant | null) => (at === null ? null : new Date(at).toISOString()),
    from: (date: Date | null) => (date === null ? null : date.getTime()),
  },
  ...options,
});
