import { Logger } from '@nestjs/common';
import type { ReleaseReason } from '../accounts/domain/accounts.events.js';
import { ApiError } from '../http/api-error.js';
import { ProviderError, type ProviderFailure } from '../providers/index.js';

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

export const noProvider = (model: string): ApiError =>
  new ApiError(503, 'no_provider', `No provider that serves ${model} is configured here`, {
    metadata: { error_type: 'provider_overloaded' },
  });

/** What a provider's failure is to the client: never its own 401 or 402, and in other words than the provider's unless it refused. */
export function problemOfProvider(error: ProviderError): ApiError {
  const { provider, retryAfterSeconds, param } = error.details;
  const status = STATUS[error.failure];
  const metadata = { error_type: ERROR_TYPE[error.failure], provider_name: provider };
  switch (error.failure) {
    case 'refused':
      return new ApiError(status, 'invalid_request', error.message, { metadata, ...(param === undefined ? {} : { param }) });
    case 'rate_limited':
      return new ApiError(status, 'provider_rate_limited', `${provider} limits our rate; try again later`, {
        metadata,
        retryAfterSeconds: retryAfterSeconds ?? OVERLOADED_RETRY_AFTER_SECONDS,
      });
    case 'overloaded':
      return new ApiError(status, 'provider_overloaded', `${provider} is overloaded; try again later`, {
        metadata,
        retryAfterSeconds: retryAfterSeconds ?? OVERLOADED_RETRY_AFTER_SECONDS,
      });
    case 'timeout':
      return new ApiError(status, 'provider_timeout', `${provider} did not answer in time`, { metadata });
    case 'unavailable':
    case 'credentials':
      return new ApiError(status, 'provider_unavailable', `${provider} could not serve the request`, { metadata });
  }
}

/** Any failure of a provider's call as what the client is told; a bug of ours stays one. */
export const asProblem = (error: unknown): unknown => (error instanceof ProviderError ? problemOfProvider(error) : error);

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

const STATUS: Readonly<Record<ProviderFailure, number>> = {
  refused: 400,
  rate_limited: 429,
  overloaded: 503,
  unavailable: 502,
  timeout: 504,
  credentials: 502,
};

const ERROR_TYPE: Readonly<Record<ProviderFailure, string>> = {
  refused: 'invalid_request',
  rate_limited: 'rate_limit_exceeded',
  overloaded: 'provider_overloaded',
  unavailable: 'provider_unavailable',
  timeout: 'timeout',
  credentials: 'provider_unavailable',
};
