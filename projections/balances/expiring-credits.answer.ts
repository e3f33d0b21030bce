import { z } from 'zod';
import { invalid, parse } from '../../src/http/validation.js';
import { parseCredits } from '../../src/kernel/credits.js';
import { instantFromText, instantToText } from '../../src/kernel/time.js';
import type { ExpiringCredits } from './expiring-credits.query.js';
import { GetExpiringCredits } from './expiring-credits.query.js';
import type { Question } from './question.js';

const DAYS_MAX = 3_650;
const DAY_MS = 86_400_000;
const RATE_DAYS = 7;

const asked = z.strictObject({
  days: z.coerce.number().int().min(1).max(DAYS_MAX).optional(),
  until: z.iso.datetime({ offset: true, message: 'must be an ISO 8601 time with a zone' }).transform(instantFromText).optional(),
  rate_days: z.coerce.number().int().min(1).max(90).optional(),
  rate: z
    .string()
    .max(40)
    .transform((text, context) => {
      const credits = parseCredits(text);
      if (credits !== undefined) return credits;
      context.addIssue('must be a number of credits a day, 0 or more, with at most 9 decimals');
      return z.NEVER;
    })
    .optional(),
  min_position: z.string().optional(),
  as_of: z.string().optional(),
});

/** The window and the rate that a request asks for: seven days, and the spending of the last seven, where it says nothing. */
export function expiringCreditsQuery(question: Question, query: unknown): GetExpiringCredits {
  const { days, until, rate_days: rateDays, rate } = parse(asked, query);
  if (days !== undefined && until !== undefined) throw invalid('until', 'goes without days');
  if (rateDays !== undefined && rate !== undefined) throw invalid('rate', 'goes without rate_days');
  return new GetExpiringCredits(
    question,
    until === undefined ? { days: days ?? 7 } : { until },
    rate === undefined ? { days: rateDays ?? RATE_DAYS } : { perDay: rate },
  );
}

/** @param credits how amounts of nano-credits are written: numbers for customers, exact text for the administration */
export function expiringCreditsShown<Amount>(
  { accountId, at, until, rate, lots }: ExpiringCredits,
  credits: (nano: bigint) => Amount,
): object {
  const sum = (part: 'free' | 'expectedUsed' | 'expectedToExpire') =>
    credits(lots.reduce((total, forecast) => total + forecast[part], 0n));
  return {
    user_id: accountId,
    from: instantToText(at),
    until: instantToText(until),
    expiring_credits: sum('free'),
    forecast: {
      spending_per_day: credits((rate.spent * BigInt(DAY_MS)) / BigInt(rate.inMs)),
      expected_used: sum('expectedUsed'),
      expected_to_expire: sum('expectedToExpire'),
    },
    lots: lots.map(({ lot, expiresAt, free, expectedUsed, expectedToExpire }) => ({
      lot_id: lot.lotId,
      kind: lot.kind,
      effective_at: instantToText(lot.effectiveAt),
      expires_at: instantToText(expiresAt),
      free: credits(free),
      expected_used: credits(expectedUsed),
      expected_to_expire: credits(expectedToExpire),
    })),
  };
}
