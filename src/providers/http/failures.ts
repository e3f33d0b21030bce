/** What a provider's refusal means for the caller of our API. The table is the provider interface's; the rest is reading. */
import type { IncomingHttpHeaders } from 'node:http';
import { ProviderError, type ProviderFailure } from '../provider.js';
import type { Breakage } from './exchange.js';

/** Who failed. */
export interface Origin {
  readonly id: string;
  readonly name: string;
  /** Takes our key, and what looks like one, out of a provider's words. The key itself is held by no object. */
  readonly clean: (words: string) => string;
}

const GENERIC: Record<ProviderFailure, string> = {
  rate_limited: 'is limiting the rate of requests.',
  overloaded: 'is overloaded.',
  unavailable: 'failed to answer.',
  timeout: 'did not answer in time.',
  refused: 'refused the request.',
  credentials: 'did not accept the configured credentials.',
};

/** A status other than 200. */
export function refusal(origin: Origin, status: number, headers: IncomingHttpHeaders, body: Buffer): ProviderError {
  const told = errorIn(parsed(body));
  return providerError(origin, failureOf(status, told), status, told, retryAfterSeconds(headers) ?? told.retryAfterSeconds);
}

/** An error object where an answer was expected: in a 200, or in the middle of a stream. */
export function errorInAnswer(origin: Origin, answer: Readonly<Record<string, unknown>>): ProviderError {
  const told = errorIn(answer);
  return providerError(origin, failureOfCode(told), 200, told, told.retryAfterSeconds);
}

export const brokenAnswer = (origin: Origin, what: string, status = 200) =>
  new ProviderError('unavailable', `${origin.name} ${what}.`, { provider: origin.name, status });

export const breakage = (origin: Origin, { failure, what }: Breakage, status: number) =>
  new ProviderError(failure, `${origin.name} ${what}.`, { provider: origin.name, status });

function failureOf(status: number, told: Told): ProviderFailure {
  const isOurs = (status === 429 || status === 400) && (isUnpaid(told) || isOurFault(told));
  return isOurs ? 'credentials' : failureOfStatus(status);
}

function failureOfStatus(status: number): ProviderFailure {
  if (status === 400 || status === 413 || status === 422) return 'refused';
  if (status === 429) return 'rate_limited';
  if (status === 408 || status === 504 || status === 524) return 'timeout';
  if (status === 503 || status === 529) return 'overloaded';
  if (status < 300 || status === 409 || status === 425 || status === 499 || status >= 500) return 'unavailable';
  // 401 to 404, a redirect, a method or media type not allowed: what we were configured with is wrong.
  return 'credentials';
}

function failureOfCode(told: Told): ProviderFailure {
  const status = Number(told.code);
  if (Number.isInteger(status) && status >= 400) return failureOf(status, told);
  if (isUnpaid(told) || isOurFault(told)) return 'credentials';
  const words = `${told.code ?? ''} ${told.type ?? ''} ${told.status ?? ''}`;
  if (/rate_limit|RESOURCE_EXHAUSTED/.test(words)) return 'rate_limited';
  if (/overloaded|UNAVAILABLE/.test(words)) return 'overloaded';
  if (/timeout|DEADLINE_EXCEEDED/.test(words)) return 'timeout';
  if (/authentication|permission|invalid_api_key|not_found|PERMISSION_DENIED|UNAUTHENTICATED|NOT_FOUND/.test(words))
    return 'credentials';
  return /invalid_request|request_too_large|context_length_exceeded|content_policy|INVALID_ARGUMENT/.test(words)
    ? 'refused'
    : 'unavailable';
}

/** Our own account is empty. Anthropic says so in a 400 of the ordinary kind, and only in words. */
const isUnpaid = ({ code, type, message }: Told) =>
  /insufficient_quota|insufficient_balance|billing/.test(`${code ?? ''} ${type ?? ''}`) ||
  /credit balance is too low|specified API usage limits/.test(message ?? '');

/** Google refuses a bad key, and an account without billing, as if the request were bad. */
const isOurFault = ({ reason, status }: Told) => /^API_KEY_/.test(reason ?? '') || status === 'FAILED_PRECONDITION';

function providerError(origin: Origin, failure: ProviderFailure, status: number, told: Told, retryAfter?: number) {
  const words = failure === 'refused' && told.message ? origin.clean(told.message) : `${origin.name} ${GENERIC[failure]}`;
  // Google's code is only the HTTP status again.
  const code = told.reason ?? told.status ?? told.code;
  return new ProviderError(failure, words, {
    provider: origin.name,
    status,
    ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }),
    ...(code !== undefined && { code: origin.clean(code) }),
    ...(told.param !== undefined && { param: origin.clean(told.param) }),
  });
}

interface Told {
  readonly message?: string | undefined;
  readonly code?: string | undefined;
  readonly param?: string | undefined;
  readonly type?: string | undefined;
  /** Google's canonical code: `RESOURCE_EXHAUSTED`. */
  readonly status?: string | undefined;
  /** What Google's `ErrorInfo` says: `API_KEY_INVALID`. */
  readonly reason?: string | undefined;
  /** From Google's `RetryInfo`. */
  readonly retryAfterSeconds?: number | undefined;
}

/** `{error: {…}}`, `{error: "…"}`, the `{message}` and `{detail}` of compatible servers, and Google's `[{error: {…}}]`. */
function errorIn(answer: unknown): Told {
  if (typeof answer !== 'object' || answer === null) return {};
  if (Array.isArray(answer)) return errorIn(answer[0]);
  const outer = answer as Record<string, unknown>;
  const error = outer.error ?? outer;
  if (typeof error === 'string') return { message: error };
  const { message, detail, code, param, type } = error as Record<string, unknown>;
  const told = { message: text(message) ?? text(detail), code: text(code), param: text(param), type: text(type) };
  return { ...told, ...googleDetails(error as Record<string, unknown>) };
}

/** `google.rpc.Status`: a canonical code in `status`, and typed objects in `details`, of which two are of use. */
function googleDetails({ status, details }: Record<string, unknown>): Pick<Told, 'status' | 'reason' | 'retryAfterSeconds'> {
  if (typeof status !== 'string' || !/^[A-Z_]+$/.test(status)) return {};
  const typed = (type: string) =>
    Array.isArray(details) ? details.find((each) => each?.['@type'] === `type.googleapis.com/google.rpc.${type}`) : undefined;
  const wait = /^(\d+(?:\.\d+)?)s$/.exec(String(typed('RetryInfo')?.retryDelay))?.[1];
  return {
    status,
    reason: text(typed('ErrorInfo')?.reason),
    ...(wait !== undefined && { retryAfterSeconds: Math.ceil(Number(wait)) }),
  };
}

const text = (value: unknown) => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined);

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

const TOLD_CHARACTERS_MAX = 1_000;

/** Our key, and anything that looks like one: providers repeat the key they refuse. */
export const cleaner = (apiKey: string) => (words: string) =>
  words
    .replaceAll(apiKey, '[redacted]')
    .replace(/\b(?:sk|pk|rk)-[\w*.-]{6,}/gi, '[redacted]')
    .replace(/\bAIza[\w*.-]{6,}/g, '[redacted]')
    .replace(/\bbearer\s+\S+/gi, '[redacted]')
    .slice(0, TOLD_CHARACTERS_MAX);

function retryAfterSeconds(headers: IncomingHttpHeaders): number | undefined {
  const milliseconds = Number(headers['retry-after-ms'] ?? Number.NaN);
  const header = headers['retry-after'];
  const seconds = Number(header ?? Number.NaN);
  const untilDate = (Date.parse(header ?? '') - Date.now()) / 1000;
  const wait = [milliseconds / 1000, seconds, untilDate].find((candidate) => Number.isFinite(candidate));
  return wait === undefined ? undefined : Math.max(0, Math.ceil(wait));
}
