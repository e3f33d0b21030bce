import { All, Controller, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { fromStatus } from '../http/api-error.filter.js';
import { ApiError } from '../http/api-error.js';
import { GONE, isListed, NOT_SERVED } from './not-served.js';

const PREFIX = /^\/(?:api\/)?v1(?=\/)/;

/** Whatever no other route of the dialects takes: a wildcard, so that any route that is added comes before it. */
@Controller(['v1', 'api/v1'])
export class NotServedController {
  @All('*')
  answer(@Req() request: FastifyRequest): never {
    const { method, url } = request;
    const path = (url.split('?')[0] as string).replace(PREFIX, '');
    if (isListed(GONE, method, path)) {
      throw new ApiError(410, 'gone', 'This endpoint was removed', { metadata: { error_type: 'not_found' } });
    }
    if (isListed(NOT_SERVED, method, path)) {
      throw new ApiError(501, 'not_implemented', `${method} ${path} is not offered here`, {
        metadata: { error_type: 'not_implemented' },
      });
    }
    throw fromStatus(404, request);
  }
}
