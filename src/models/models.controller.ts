import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { modelObject, PriceBook, type PricedModel } from '../pricing/index.js';

/** The public catalogue in both dialects: OpenRouter's model objects, in a list that OpenAI's client also reads. */
@Controller(['v1', 'api/v1'])
export class ModelsController {
  private serialized: { readonly models: readonly PricedModel[]; readonly json: Buffer } | undefined;

  constructor(private readonly book: PriceBook) {}

  @Get('models')
  list(@Res() reply: FastifyReply): void {
    reply.type('application/json; charset=utf-8').send(this.listJson());
  }

  @Get('models/count')
  count() {
    return { data: { count: this.book.list().length } };
  }

  /** OpenAI's form of one model; its client sends the slash of an id escaped. */
  @Get('models/:model')
  retrieve(@Param('model') name: string) {
    return modelObject(this.find(name));
  }

  @Get('models/:author/:slug')
  retrieveById(@Param('author') author: string, @Param('slug') slug: string) {
    return modelObject(this.find(`${author}/${slug}`));
  }

  /** OpenRouter's form of one model. */
  @Get('model/:author/:slug')
  details(@Param('author') author: string, @Param('slug') slug: string) {
    return { data: modelObject(this.find(`${author}/${slug}`)) };
  }

  private find(name: string): PricedModel {
    const model = this.book.resolve(name);
    if (!model) throw new ApiError(404, 'model_not_found', `The model "${name}" does not exist`, { param: 'model' });
    return model;
  }

  /** Made once per change of the book, which answers with the same array until then. */
  private listJson(): Buffer {
    const models = this.book.list();
    if (this.serialized?.models !== models) {
      const body = { object: 'list', data: models.map(modelObject), total_count: models.length, links: { next: null } };
      this.serialized = { models, json: Buffer.from(JSON.stringify(body)) };
    }
    return this.serialized.json;
  }
}
