import { z } from 'zod';
import { invalid, parse } from '../http/validation.js';
import { formatSignedCredits, type NanoCredits, parseCredits } from '../kernel/credits.js';
import { instantFromText } from '../kernel/time.js';
import type { LotAmount } from './domain/accounts.events.js';

/** A billion credits, in nano-credits: whoever asks for more has made a mistake. */
const AMOUNT_MAX = 1_000_000_000n * 1_000_000_000n;
const AMOUNT_TEXT_MAX = 40;
const TIME_TEXT_MAX = 40;
const TIME_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const OPAQUE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** Control characters, and halves of characters: not every reader of the events can store them. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u;

const decimal = (message: string) => z.union([z.string().max(AMOUNT_TEXT_MAX), z.number()], message).transform(decimalOf);

/** A JSON number as the shortest decimal that stands for it, which is what was written; text as it is. */
function decimalOf(value: string | number): string {
  const text = String(value);
  if (typeof value === 'string' || !text.includes('e')) return text;
  const fixed = value.toFixed(9);
  return Number(fixed) === value ? fixed : text;
}

const POSITIVE = 'must be a positive number of credits, at most 1000000000, with at most 9 decimals';
export const credits = decimal(POSITIVE).transform((text, context): NanoCredits => {
  const amount = parseCredits(text);
  if (amount !== undefined && amount > 0n && amount <= AMOUNT_MAX) return amount;
  context.addIssue(POSITIVE);
  return z.NEVER;
});

const SIGNED = 'must be a number of credits, not zero, between -1000000000 and 1000000000, with at most 9 decimals';
/** Nano-credits, negative where credits are taken away. */
export const signedCredits = decimal(SIGNED).transform((text, context): bigint => {
  const isNegative = text.startsWith('-');
  const amount = parseCredits(isNegative ? text.slice(1) : text);
  if (amount !== undefined && amount > 0n && amount <= AMOUNT_MAX) return isNegative ? -amount : amount;
  context.addIssue(SIGNED);
  return z.NEVER;
});

export const instant = z
  .string()
  .max(TIME_TEXT_MAX)
  .pipe(z.iso.datetime({ offset: true, message: 'must be an ISO 8601 time with a zone' }))
  .transform(instantFromText)
  .refine((at) => at >= 0 && at <= TIME_MAX, 'must be a time between the years 1970 and 9999');

export const plainText = (max: number) =>
  z.string().min(1).max(max).regex(PLAIN_TEXT, 'must not contain control characters').regex(/\S/, 'must not be blank');

/** An id that somebody else gave out. It goes into events for ever, so it must not say who somebody is. */
export const opaqueId = z.string().regex(OPAQUE_ID, 'must be 1 to 128 letters, digits or . _ : -');

const RESERVED_ID = /^(?:dispute|reprice):/;
/** The same of what is done by hand: disputes and repricings name what they do so, and take what has such a name for theirs. */
export const ownId = opaqueId.refine((text) => !RESERVED_ID.test(text), 'must not begin with "dispute:" or "reprice:"');

/** Why something was done by hand. It goes into events for ever: no personal data. */
export const reason = plainText(500);

/** An id in the path. Throws the 400 that names the parameter. */
export function opaqueIdIn(param: string, value: string): string {
  if (!OPAQUE_ID.test(value)) throw invalid(param, 'must be 1 to 128 letters, digits or . _ : -');
  return value;
}

/** A body of which every field may be left out, but not all of them: nothing to change is a mistake. */
export function parseChanges<T extends z.ZodType<object>>(schema: T, body: unknown): z.output<T> {
  const changes = parse(schema, body);
  if (Object.keys(changes).length === 0) throw invalid('', 'says nothing that is to change');
  return changes;
}

/** Nano-credits as an event holds them, as credits. */
export const creditsOf = (amount: string): string => formatSignedCredits(BigInt(amount));

export const lotAmountsOf = (parts: readonly LotAmount[]): { lot_id: string; amount: string }[] =>
  parts.map(({ lotId, amount }) => ({ lot_id: lotId, amount: creditsOf(amount) }));
