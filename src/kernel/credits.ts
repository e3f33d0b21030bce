/**
 * Money. 1 credit = 1 USD of list price; the ledger counts nano-credits (10⁻⁹) as integers. A price is counted in
 * pico-credits (10⁻¹²) per token, so that tokens × price is exact and a cost is rounded once, at settlement.
 */
declare const nanoUnit: unique symbol;
declare const picoUnit: unique symbol;

/** A non-negative integer number of nano-credits. */
export type NanoCredits = bigint & { readonly [nanoUnit]: true };
/** A non-negative integer number of pico-credits. */
export type PicoCredits = bigint & { readonly [picoUnit]: true };

const NANO_DECIMALS = 9;
const PICO_DECIMALS = 12;
const PICO_PER_NANO = 1000n;
/** Bounded: stripping zeros from a fraction of any length would cost its square. */
const DECIMAL = /^(\d{1,18})(?:\.(\d{1,40}))?$/;

/** The one constructor of an amount: throws a RangeError where the value is negative, since no amount of the ledger is. */
export function nano(value: bigint): NanoCredits {
  if (value < 0n) throw new RangeError(`an amount of credits is never negative: ${value}`);
  return value as NanoCredits;
}

export function pico(value: bigint): PicoCredits {
  if (value < 0n) throw new RangeError(`a price is never negative: ${value}`);
  return value as PicoCredits;
}

export const ZERO: NanoCredits = nano(0n);

/** The sum of two amounts. */
export const plus = (a: NanoCredits, b: NanoCredits): NanoCredits => nano(a + b);
/** The difference of two amounts; throws where it would be negative. */
export const minus = (a: NanoCredits, b: NanoCredits): NanoCredits => nano(a - b);
export const least = (a: NanoCredits, b: NanoCredits): NanoCredits => (a < b ? a : b);

/** An amount as events hold it: the integer of nano-credits as a decimal string. */
export type NanoText = string;
export const nanoFromText = (text: NanoText): NanoCredits => nano(BigInt(text));
export const nanoToText = (amount: NanoCredits): NanoText => amount.toString();

/** Rounds up to the next nano-credit: the single rounding of a cost. */
export const roundUpToNano = (amount: PicoCredits): NanoCredits => nano((amount + PICO_PER_NANO - 1n) / PICO_PER_NANO);

/** Reads credits written as a decimal ("150.5"); undefined where it is no plain decimal or finer than a nano-credit. */
export const parseCredits = (text: string): NanoCredits | undefined =>
  parseDecimal(text, NANO_DECIMALS) as NanoCredits | undefined;

/** Reads a price per token written as a decimal ("0.0000000375"); undefined where it is finer than a pico-credit. */
export const parsePrice = (text: string): PicoCredits | undefined => parseDecimal(text, PICO_DECIMALS) as PicoCredits | undefined;

/** Credits as the shortest exact decimal ("150.5"). */
export const formatCredits = (amount: NanoCredits): string => formatDecimal(amount, NANO_DECIMALS);
/** The same of what may be below zero: a correction, a margin, a change ("-0.5"). */
export const formatSignedCredits = (amount: bigint): string =>
  amount < 0n ? `-${formatDecimal(-amount, NANO_DECIMALS)}` : formatDecimal(amount, NANO_DECIMALS);
/** A price per token as the shortest exact decimal ("0.0000000375"). */
export const formatPrice = (price: PicoCredits): string => formatDecimal(price, PICO_DECIMALS);
/** Credits as a JSON number, made from the integer at the very end: the double nearest to the exact decimal. */
export const creditsAsNumber = (amount: bigint): number => Number(formatSignedCredits(amount));

function parseDecimal(text: string, decimals: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) return undefined;
  return BigInt(`${match[1]}${fraction.padEnd(decimals, '0')}`);
}

function formatDecimal(value: bigint, decimals: number): string {
  const digits = value.toString().padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  const whole = digits.slice(0, -decimals);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
