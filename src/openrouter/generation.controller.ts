import { Controller, Get, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard, principalOf } from '../http/authentication.guard.js';
import { invalid } from '../http/validation.js';
import { PriceBook } from '../pricing/index.js';
import { generationObject } from './generation-object.js';
import { notFound } from './problems.js';
import { ReadSide } from './read-side.js';

const ID_MAX = 128;

@Controller(['v1', 'api/v1'])
@UseGuards(AuthenticationGuard)
export class GenerationController {
  constructor(
    private readonly readSide: ReadSide,
    private readonly book: PriceBook,
  ) {}

  /**
   * What a generation of the caller's account was, and cost: as soon as it has ended. One that runs is not found yet, which is what
   * OpenRouter's clients wait for: they ask again on a 404.
   */
  @Get('generation')
  async generation(@Req() request: FastifyRequest, @Query('id') id: unknown): Promise<object> {
    if (typeof id !== 'string' || id === '') throw invalid('id', 'must be the id of a generation, once');
    const principal = principalOf(request);
    // An id that the read side could not hold is none.
    const record = id.length > ID_MAX || id.includes('\0') ? undefined : await this.readSide.generation(principal, id);
    if (!record || record.status === 'open') throw notFound('generation_not_found', 'Generation not found');
    const makesEmbeddings = this.book.resolve(record.model)?.outputModalities.includes('embeddings') ?? false;
    return { data: generationObject(record, principal.accountId, makesEmbeddings ? 'embeddings' : 'completions') };
  }
}
