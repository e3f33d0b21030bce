import { z } from 'zod';
import type { RawEvent } from '../event-store/raw-event.js';
import { parse } from '../http/validation.js';
import type { AuditedFact } from './rules/account-audit-rules.js';

const STEPS_MAX = 1_000;
const POSITION = /^(?:(position|revision):)?(\d{1,16})$/;
const ZONED_TIME = z.iso.datetime({ offset: true });

/** Up to where events count, the moment included. */
export interface ReplayEnd {
  readonly until: 'time' | 'position' | 'revision';
  readonly value: number;
}

const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value <= max, `must be at most ${max}`);

const asOf = z
  .string()
  .max(60)
  .transform((text, context): ReplayEnd => {
    const [, kind, digits] = POSITION.exec(text) ?? [];
    if (digits !== undefined) return { until: kind === 'revision' ? 'revision' : 'position', value: Number(digits) };
    if (ZONED_TIME.safeParse(text).success) return { until: 'time', value: Date.parse(text) };
    context.addIssue('must be an ISO 8601 time with a zone, position:<n> or revision:<n>');
    return z.NEVER;
  });

const query = z.strictObject({
  from_revision: wholeNumber(Number.MAX_SAFE_INTEGER).default(0),
  limit: wholeNumber(STEPS_MAX)
    .refine((value) => value > 0, 'must be at least 1')
    .default(100),
  generation_id: z.string().min(1).max(128).optional(),
  format: z.enum(['json', 'jsonl']).default('json'),
  as_of: asOf.optional(),
});

export type ReplayQuery = z.output<typeof query>;

/** Throws the 400 that names the parameter. */
export const parseReplayQuery = (value: unknown): ReplayQuery => parse(query, value);

/** Whether an event counts at that moment. */
export const isBefore =
  (end: ReplayEnd | undefined) =>
  ({ revision, position }: RawEvent, fact: AuditedFact | undefined): boolean => {
    if (!end) return true;
    if (end.until === 'position') return position <= BigInt(end.value);
    if (end.until === 'revision') return revision <= end.value;
    return !(Date.parse(fact?.metadata.occurredAt) > end.value);
  };

/** Whether an event is shown: all of them, or those of a generation and of its reservation. Asked in the order of the stream. */
export function isShown({ from_revision: from, generation_id: generationId }: ReplayQuery) {
  const reservations = new Set<unknown>();
  return (revision: number, fact: AuditedFact | undefined): boolean => {
    if (generationId === undefined) return revision >= from;
    const isIts = fact?.data.generationId === generationId;
    if (isIts && fact?.data.reservationId !== undefined) reservations.add(fact.data.reservationId);
    return revision >= from && (isIts || (fact !== undefined && reservations.has(fact.data.reservationId)));
  };
}
