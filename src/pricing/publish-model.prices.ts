import { z } from 'zod';
import { isClock } from './domain/price-window.js';
import { PRICE_NAMES, type PriceName, UTC_DAYS } from './domain/pricing.events.js';

const price = z.string({ error: 'must be a decimal string of credits per unit, such as "0.0000025"' });
const priceFields = Object.fromEntries(PRICE_NAMES.map((name) => [name, price.optional()])) as Record<
  PriceName,
  z.ZodOptional<z.ZodString>
>;

const CLOCK = 'must be a time of day in UTC as HHMM, such as 1630 or "0030"';
/** OpenRouter shows a clock number; text with its leading zeros is taken as well. */
const clock = z
  .union(
    [
      z.int(),
      z
        .string()
        .regex(/^\d{4}$/)
        .transform(Number),
    ],
    { error: CLOCK },
  )
  .refine(isClock, CLOCK);

/** Prices as a request states them, in OpenRouter's form. Whether they are whole and can be paid is for the decision to say. */
export const prices = z.strictObject({
  ...priceFields,
  overrides: z
    .array(
      z.strictObject({
        ...priceFields,
        min_prompt_tokens: z.int().positive().max(1_000_000_000).optional(),
        utc_start: clock.optional(),
        utc_end: clock.optional(),
        utc_days: z.array(z.enum(UTC_DAYS)).min(1).max(UTC_DAYS.length).optional(),
      }),
    )
    .max(20)
    .optional(),
});
