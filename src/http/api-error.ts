/**
 * An answer that is no success, as both dialects need it. `/v1` answers with the string `code`; `/api/v1` with the integer
 * status in its place, because OpenRouter's official client rejects anything else. Never holds a key, a prompt or a stack.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Machine-readable and stable: `invalid_api_key`, `insufficient_credits`, … */
    readonly code: string,
    message: string,
    readonly details: ApiErrorDetails = {},
  ) {
    super(message);
  }
}

export interface ApiErrorDetails {
  /** OpenRouter's `metadata`: `error_type`, `limit_source`, … */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The parameter that is wrong, as a path (`messages[0].role`). */
  readonly param?: string;
  /** Seconds, sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The `type` of the documentation's error form, by status. */
export function errorType(status: number): string {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 416:
    case 422:
      return 'invalid_request_error';
    case 401:
      return 'authentication_error';
    case 402:
      return 'insufficient_credits_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 409:
      return 'conflict_error';
    case 429:
      return 'rate_limit_error';
    default:
      return 'server_error';
  }
}
