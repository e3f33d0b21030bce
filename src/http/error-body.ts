import { type ApiError, errorType } from './api-error.js';

/**
 * The body of an error, in the form that the clients of its path read. `/api/v1` is the OpenRouter drop-in: integer code. Messages
 * have Anthropic's form in both places. Everywhere else the documentation's form: message, type and a string code; `param` and
 * `metadata` are there where they say something.
 * @param requestId told in Anthropic's form; the header has it always
 */
export function errorBody(error: ApiError, url: string, requestId: string | null = null): object {
  if (isMessages(url)) return anthropicErrorBody(error, requestId);
  const { metadata, param } = error.details;
  const openRouter = isOpenRouterDialect(url);
  // The documentation shows its 401 without metadata, to the letter.
  const withMetadata = metadata !== undefined && (openRouter || error.status !== 401);
  const extra = { ...(param === undefined ? {} : { param }), ...(withMetadata ? { metadata } : {}) };
  if (openRouter) return { error: { code: error.status, message: error.message, ...extra } };
  return { error: { message: error.message, type: errorType(error.status), code: error.code, ...extra } };
}

/** Anthropic's form of an error, with OpenRouter's `error_type` where there is one. */
export function anthropicErrorBody(error: ApiError, requestId: string | null): object {
  const { error_type } = error.details.metadata ?? {};
  return {
    type: 'error',
    error: {
      type: anthropicErrorType(error),
      message: error.message,
      ...(typeof error_type === 'string' && { error_type }),
    },
    request_id: requestId,
  };
}

/** Anthropic's `error.type` by status (its API reference, errors). Our 503 is its 529 where a provider has too much to do. */
function anthropicErrorType({ status, details }: ApiError): string {
  if (status === 503) return details.metadata?.['error_type'] === 'provider_overloaded' ? 'overloaded_error' : 'api_error';
  const known = ANTHROPIC_TYPES[status];
  return known ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const isMessages = (url: string): boolean => /^(\/api)?\/v1\/messages(?=[/?]|$)/.test(url);
const isOpenRouterDialect = (url: string): boolean => url.startsWith('/api/v1/');
