import { z } from 'zod';
import { parsePrice } from '../kernel/credits.js';
import { PRICE_NAMES, type PriceName, type PublishedPrices, UTC_DAYS } from '../pricing/domain/pricing.events.js';

const OVERRIDES_MAX = 20;
const price = z
  .string({ error: 'must be a decimal string of credits per unit, such as "0.0000025"' })
  .max(60)
  .refine((text) => parsePrice(text) !== undefined, 'must be a decimal, not negative, of at most 12 places');
const named = Object.fromEntries(PRICE_NAMES.map((name) => [name, price.optional()])) as Record<
  PriceName,
  z.ZodOptional<typeof price>
>;
const clock = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{4}$/)
      .transform(Number),
  ])
  .refine((value) => value >= 0 && value < 2400 && value % 100 < 60, 'must be a time of day in UTC as HHMM, such as 1630');
const override = z
  .strictObject({
    ...named,
    min_prompt_tokens: z.int().positive().max(1_000_000_000).optional(),
    utc_start: clock.optional(),
    utc_end: clock.optional(),
    utc_days: z.array(z.enum(UTC_DAYS)).min(1).max(UTC_DAYS.length).optional(),
  })
  .refine((each) => (each.utc_start === undefined) === (each.utc_end === undefined), {
    path: ['utc_end'],
    message: 'goes with "utc_start"',
  })
  .refine((each) => each.utc_start === undefined || each.utc_start !== each.utc_end, {
    path: ['utc_end'],
    message: 'must not be "utc_start"',
  });

/** A price object as models are published with, of the formula in use today. Prompt and completion must have a price. */
export const pricesBody = z
  .strictObject({ ...named, prompt: price, completion: price, overrides: z.array(override).max(OVERRIDES_MAX).optional() })
  .transform((prices) => prices as PublishedPrices);
