import { type ApiError, errorType } from './api-error.js';

/**
 * The body of an error. `/api/v1` is the OpenRouter drop-in: integer code. Everywhere else the documentation's form:
 * message, type and a string code; `param` and `metadata` are there where they say something.
 */
export function errorBody(error: ApiError, url: string): object {
  const { metadata, param } = error.details;
  const extra = { ...(param === undefined ? {} : { param }), ...(metadata === undefined ? {} : { metadata }) };
  if (isOpenRouterDialect(url)) return { error: { code: error.status, message: error.message, ...extra } };
  return { error: { message: error.message, type: errorType(error.status), code: error.code, ...extra } };
}

const isOpenRouterDialect = (url: string): boolean => url.startsWith('/api/v1/');
