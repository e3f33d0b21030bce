import { randomUUID } from 'node:crypto';
import { Body, Controller, Param, Put, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { AdministrationGuard } from '../http/administration.guard.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { type ModelObject, modelObject } from './model-object.js';
import { problemOf } from './pricing.problems.js';
import { parsePublishModel, pricesFieldOf } from './publish-model.body.js';
import { PublishModelCommand } from './publish-model.handler.js';

/** Publishes a model with its prices and routes. The whole of it: what the body leaves out takes its default. */
@Controller('api/v3/admin/models')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class PublishModelController {
  constructor(private readonly commands: CommandBus) {}

  @Put(':author/:slug')
  async publish(
    @Param('author') author: string,
    @Param('slug') slug: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
  ): Promise<ModelObject & { price_version: string }> {
    const cause = {
      commandId: randomUUID(),
      correlationId: request.id,
      actor: { type: 'administrator' as const, id: 'administrator' },
    };
    const publication = await this.commands.execute(new PublishModelCommand(parsePublishModel(author, slug, body), cause));
    if ('rejection' in publication) throw problemOf(publication.rejection, pricesFieldOf(body));
    return { ...modelObject(publication.model), price_version: publication.model.priceVersion };
  }
}
