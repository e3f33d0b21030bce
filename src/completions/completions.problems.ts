import { Logger } from '@nestjs/common';
import type { ProviderAttempt, ReleaseReason } from '../accounts/domain/accounts.events.js';
import { ApiError } from '../http/api-error.js';
import { isCircuitOpen, ProviderError } from '../providers/index.js';

const OVERLOADED_RETRY_AFTER_SECONDS = 5;

export const unknownModel = (model: string): ApiError =>
  new ApiError(
    400,
    'model_not_found',
    `"model": ${JSON.stringify(model.slice(0, 128))} is not a model of this API; GET /v1/models lists them`,
    {
      param: 'model',
      metadata: { error_type: 'invalid_request' },
    },
  );

export const wrongEndpoint = (model: string, embeds: boolean): ApiError =>
  new ApiError(
    400,
    'wrong_endpoint',
    `"model": ${JSON.stringify(model.slice(0, 128))} ${embeds ? 'makes embeddings: POST /v1/embeddings' : 'makes no embeddings'}`,
    { param: 'model', metadata: { error_type: 'invalid_request' } },
  );

export const noProvider = (model: string): ApiError =>
  new ApiError(503, 'no_provider', `No provider that serves ${model} is configured here`, {
    metadata: { error_type: 'provider_overloaded' },
  });

/** The caller's own preferences leave nobody to serve the request. */
export const noEndpoints = (models: readonly string[]): ApiError =>
  new ApiError(
    404,
    'no_endpoints',
    `No endpoints found for ${models.join(', ')} that match "provider" and the parameters asked for`,
    {
      param: 'provider',
      metadata: { error_type: 'not_found' },
    },
  );

/** What a provider's failure is to the client: never its own 401 or 402, and in other words than the provider's unless it refused. */
export function problemOfProvider(error: ProviderError, failed: readonly ProviderAttempt[] = []): ApiError {
  const { provider, retryAfterSeconds, param } = error.details;
  const { status, errorType } = toldAs(error);
  // The last one is the failure that is told, unless nobody was called.
  const before = isCircuitOpen(error) ? failed : failed.slice(0, -1);
  const previous = before.map((each) => ({ provider: each.provider, code: each.status, failure: each.failure }));
  const metadata = {
    error_type: errorType,
    provider_name: provider,
    ...(previous.length > 0 ? { previous_errors: previous } : {}),
  };
  const waiting = { metadata, retryAfterSeconds: retryAfterSeconds ?? OVERLOADED_RETRY_AFTER_SECONDS };
  switch (error.failure) {
    case 'refused':
      return new ApiError(status, 'invalid_request', error.message, { metadata, ...(param === undefined ? {} : { param }) });
    case 'rate_limited':
      return new ApiError(status, 'provider_rate_limited', `${provider} limits our rate; try again later`, waiting);
    case 'overloaded':
      return new ApiError(status, 'provider_overloaded', `${provider} is overloaded; try again later`, waiting);
    case 'timeout':
      return new ApiError(status, 'provider_timeout', `${provider} did not answer in time`, { metadata });
    case 'unavailable':
    case 'credentials':
      return new ApiError(status, 'provider_unavailable', `${provider} could not serve the request`, { metadata });
  }
}

/** The status and OpenRouter's `error_type` of a failure. */
function toldAs({ failure, message, details: { status, code } }: ProviderError): { status: number; errorType: string } {
  switch (failure) {
    case 'refused':
      return toldOfRefusal(`${code ?? ''} ${message}`, status);
    case 'rate_limited':
      return { status: 429, errorType: 'rate_limit_exceeded' };
    case 'overloaded':
      return { status: status === 529 ? 529 : 503, errorType: 'provider_overloaded' };
    case 'timeout':
      return { status: 504, errorType: 'timeout' };
    case 'unavailable':
    case 'credentials':
      return { status: 502, errorType: 'provider_unavailable' };
  }
}

/** Why a provider refuses a request stands in its code or, with most, only in its words. */
function toldOfRefusal(words: string, status: number): { status: number; errorType: string } {
  if (/content_policy|content_filter|moderation|safety/i.test(words))
    return { status: 403, errorType: 'content_policy_violation' };
  if (/context_length|maximum context|prompt is too long|maximum number of tokens/i.test(words))
    return { status: 400, errorType: 'context_length_exceeded' };
  if (status === 413) return { status, errorType: 'payload_too_large' };
  return status === 422 ? { status, errorType: 'unprocessable' } : { status: 400, errorType: 'invalid_request' };
}

/** Any failure of a provider's call as what the client is told; a bug of ours stays one. */
export const asProblem = (error: unknown, failed: readonly ProviderAttempt[]): unknown =>
  error instanceof ProviderError ? problemOfProvider(error, failed) : error;

const logger = new Logger('providers');

/** Tells the operator what the client is not told: whose failure it was, and that it may be our own key's. */
export function logFailure(generationId: string, error: unknown): void {
  if (!(error instanceof ProviderError)) return;
  const { provider, status, code } = error.details;
  const level = error.failure === 'credentials' ? 'error' : 'warn';
  if (error.failure !== 'refused')
    logger[level]({ msg: 'a provider failed', provider, failure: error.failure, status, code, generationId });
}

/** Why a reservation is given back when the provider's call failed before anything was served. */
export const releaseReason = (error: unknown): ReleaseReason =>
  error instanceof ProviderError && error.failure === 'refused' ? 'refused' : 'provider_error';
