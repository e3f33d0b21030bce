import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountUnreadable, AppendOutcomeUnknown, EventStoreUnavailable, WriteQueueFull } from '../event-store/errors.js';
import { ApiError } from './api-error.js';
import { errorBody } from './error-body.js';

const STORE_RETRY_AFTER_SECONDS = 2;
const DROPPED_BODY_MAX_BYTES = 128 * 1024 * 1024;
const DROPPED_BODY_PAUSE_MS = 1_000;

/** The one place where an exception becomes an answer. What is not expected is logged and told without details. */
@Catch()
export class ApiErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  async catch(exception: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = this.asApiError(exception, request);
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    if (error.status === 413) await dropBody(request.raw);
    for (const [name, value] of Object.entries(error.details.headers ?? {})) void reply.header(name, value);
    if (error.details.retryAfterSeconds !== undefined) void reply.header('retry-after', String(error.details.retryAfterSeconds));
    void reply.status(error.status).send(errorBody(error, request.url, request.id));
  }

  private asApiError(exception: unknown, request: FastifyRequest): ApiError {
    if (exception instanceof ApiError) return exception;
    if (
      exception instanceof EventStoreUnavailable ||
      exception instanceof AppendOutcomeUnknown ||
      exception instanceof WriteQueueFull
    ) {
      this.logger.error({
        msg: exception.message,
        cause: (exception.cause as Error | undefined)?.message,
        requestId: request.id,
      });
      return new ApiError(
        503,
        'ledger_unavailable',
        'The ledger does not answer; the provider was not called and nothing is charged. Try again shortly.',
        {
          retryAfterSeconds: STORE_RETRY_AFTER_SECONDS,
        },
      );
    }
    if (exception instanceof AccountUnreadable) {
      this.logger.error({ msg: exception.message, requestId: request.id });
      return new ApiError(
        500,
        'account_unreadable',
        'This account is stopped for inspection: its ledger holds an entry that cannot be read. Nothing was written.',
        { metadata: { error_type: 'server' } },
      );
    }
    if (exception instanceof HttpException)
      return fromStatus(exception.getStatus(), request, (exception.cause as { code?: string } | undefined)?.code);
    const { statusCode, code } = exception as { statusCode?: number; code?: string };
    if (typeof statusCode === 'number' && statusCode < 500) return fromStatus(statusCode, request, code);
    this.logger.error({ msg: 'unexpected error', error: describe(exception), requestId: request.id });
    return new ApiError(500, 'internal_error', `Something went wrong here. Request id: ${request.id}`, {
      metadata: { error_type: 'server' },
    });
  }
}

/**
 * Takes the rest of a body that is too large and drops it, up to a bound in bytes and time: a connection that is closed on a
 * client that is still sending is reset, and its answer lost.
 */
async function dropBody(raw: FastifyRequest['raw']): Promise<void> {
  if (raw.complete || raw.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const pause = setTimeout(resolve, DROPPED_BODY_PAUSE_MS);
    raw.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      pause.refresh();
      if (bytes > DROPPED_BODY_MAX_BYTES) resolve();
    });
    raw.once('end', resolve).once('close', resolve);
    raw.once('close', () => clearTimeout(pause));
    raw.resume();
  });
}

/** Errors of the framework itself: a route that is not there, a body or a path that cannot be read. */
export function fromStatus(status: number, request: FastifyRequest, code?: string): ApiError {
  switch (status) {
    case 404:
      return new ApiError(404, 'not_found', `There is no ${request.method} ${request.url.split('?')[0]}`, {
        metadata: { error_type: 'not_found' },
      });
    case 413:
      return new ApiError(413, 'payload_too_large', 'The body is larger than this server takes', {
        metadata: { error_type: 'payload_too_large' },
      });
    case 415:
      return new ApiError(415, 'unsupported_media_type', 'Send the body as "Content-Type: application/json"');
    case 400:
      return new ApiError(400, 'invalid_request', requestProblem(code), { metadata: { error_type: 'invalid_request' } });
    default:
      return new ApiError(status, 'invalid_request', `The request cannot be served (${status})`);
  }
}

function requestProblem(code: string | undefined): string {
  if (code === 'FST_ERR_BAD_URL') return 'The path is not encoded as a path can be';
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return 'The body is empty; send a JSON object';
  return 'The body is not valid JSON';
}

/** An error for the log: its name, message and stack, never the request that met it. */
const describe = (exception: unknown): string =>
  exception instanceof Error ? (exception.stack ?? exception.message) : String(exception);
