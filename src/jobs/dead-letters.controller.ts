import { Controller, Delete, Get, HttpCode, Param, Post, Query, UseGuards, UseInterceptors } from '@nestjs/common';
import { z } from 'zod';
import { AdministrationGuard } from '../http/administration.guard.js';
import { ApiError } from '../http/api-error.js';
import { isStorable, parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { DeadLetters } from './dead-letters.js';
import { QUEUE_NAMES } from './job-registry.js';

const LIMIT = 100;
const LIMIT_MAX = 1_000;

const listed = z.strictObject({ limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT) });
const named = z.strictObject({
  queue: z.enum(QUEUE_NAMES),
  id: z.string().min(1).max(200).refine(isStorable, 'has characters that no id has'),
});

/** The jobs that were given up: looked at, tried again, forgotten. */
@Controller('api/v3/admin/dead-letters')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class DeadLettersController {
  constructor(private readonly letters: DeadLetters) {}

  @Get()
  async list(@Query() query: unknown): Promise<object> {
    const { limit } = parse(listed, query);
    const letters = await this.letters.list(limit);
    return { data: letters.map(({ failedAt, ...letter }) => ({ ...letter, failed_at: failedAt.toISOString() })) };
  }

  @Post(':queue/:id/rerun')
  @HttpCode(202)
  async rerun(@Param() params: unknown): Promise<object> {
    const { queue, id } = parse(named, params);
    if (!(await this.letters.rerun(queue, id))) throw notFound(queue, id);
    return { queue, id, state: 'waiting' };
  }

  @Delete(':queue/:id')
  async remove(@Param() params: unknown): Promise<object> {
    const { queue, id } = parse(named, params);
    if (!(await this.letters.remove(queue, id))) throw notFound(queue, id);
    return { queue, id, deleted: true };
  }
}

const notFound = (queue: string, id: string): ApiError =>
  new ApiError(404, 'dead_letter_not_found', `The queue "${queue}" has no dead letter "${id.slice(0, 100)}"`, {
    metadata: { error_type: 'not_found' },
  });
