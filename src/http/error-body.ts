import { type ApiError, errorType } from './api-error.js';

/**
 * The body of an error. `/api/v1` is the OpenRouter drop-in: integer code. Everywhere else the documentation's form:
 * message, type and a string code; `param` and `metadata` are there where they say something.
 */
export function errorBody(error: ApiError, url: string): object {
  const { metadata, param } = error.details;
  const openRouter = isOpenRouterDialect(url);
  // The documentation shows its 401 without metadata, to the letter.
  const withMetadata = metadata !== undefined && (openRouter || error.status !== 401);
  const extra = { ...(param === undefined ? {} : { param }), ...(withMetadata ? { metadata } : {}) };
  if (openRouter) return { error: { code: error.status, message: error.message, ...extra } };
  return { error: { message: error.message, type: errorType(error.status), code: error.code, ...extra } };
}

const isOpenRouterDialect = (url: string): boolean => url.startsWith('/api/v1/');
