import { Controller, Get, Param, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { AuthenticationGuard } from '../http/authentication.guard.js';
import { GatewayClock } from '../http/clock.js';
import { modelObject, PriceBook, type PricedModel } from '../pricing/index.js';
import { Routing } from '../providers/index.js';
import { modelWithEndpoints } from './endpoint-object.js';
import { ModelLists } from './model-lists.js';
import { countQueryOf, modelQueryOf, type Page, pageFrom, pageOf } from './model-query.js';
import { RouteStatistics } from './route-statistics.js';
import { answersIn, selectModels } from './select-models.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** The public catalogue in both dialects: OpenRouter's model objects, in a list that OpenAI's client also reads. */
@Controller(['v1', 'api/v1'])
export class ModelsController {
  private readonly lists = new ModelLists();

  constructor(
    private readonly book: PriceBook,
    private readonly routing: Routing,
    private readonly clock: GatewayClock,
    private readonly statistics: RouteStatistics,
  ) {}

  @Get('models')
  list(@Req() request: FastifyRequest, @Query() query: object, @Res() reply: FastifyReply): void {
    reply.type(JSON_TYPE);
    const shown = this.book.list();
    if (Object.keys(query).length === 0) return void reply.send(this.lists.whole(shown, defaultModalities(request)));
    const asked = modelQueryOf(query);
    const modalities = asked.output_modalities ?? defaultModalities(request);
    const selected = selectModels(shown, { ...asked, output_modalities: modalities }, this.clock.now(), this.statistics);
    reply.send(listObject(selected, asked, request));
  }

  @Get('models/count')
  count(@Req() request: FastifyRequest, @Query() query: unknown): object {
    const modalities = countQueryOf(query).output_modalities ?? defaultModalities(request);
    return { data: { count: this.book.list().filter(answersIn(modalities)).length } };
  }

  /** The models that the caller's account may use, which are all that there are. */
  @Get('models/user')
  @UseGuards(AuthenticationGuard)
  listOfUser(@Req() request: FastifyRequest, @Query() query: unknown): object {
    return listObject(this.book.list().filter(answersIn(defaultModalities(request))), pageOf(query), request);
  }

  @Get('embeddings/models')
  listOfEmbeddings(@Req() request: FastifyRequest, @Query() query: unknown): object {
    return listObject(this.book.list().filter(answersIn(['embeddings'])), pageOf(query), request);
  }

  /** OpenAI's form of one model; its client sends the slash of an id escaped. */
  @Get('models/:model')
  retrieve(@Param('model') name: string): object {
    return modelObject(this.find(name));
  }

  @Get('models/:author/:slug')
  retrieveById(@Param('author') author: string, @Param('slug') slug: string): object {
    return modelObject(this.find(`${author}/${slug}`));
  }

  @Get('models/:author/:slug/endpoints')
  endpoints(@Param('author') author: string, @Param('slug') slug: string): object {
    return { data: modelWithEndpoints(this.find(`${author}/${slug}`), this.routing.providers, this.statistics) };
  }

  /** OpenRouter's form of one model. */
  @Get('model/:author/:slug')
  details(@Param('author') author: string, @Param('slug') slug: string): object {
    return { data: modelObject(this.find(`${author}/${slug}`)) };
  }

  private find(name: string): PricedModel {
    const model = this.book.resolve(name);
    if (model) return model;
    throw new ApiError(404, 'model_not_found', `The model "${name}" does not exist`, {
      param: 'model',
      metadata: { error_type: 'not_found' },
    });
  }
}

/** OpenRouter lists models that write text unless it is asked for others; OpenAI lists all. */
const defaultModalities = ({ url }: FastifyRequest): string[] => (url.startsWith('/api/') ? ['text'] : ['all']);

function listObject(models: readonly PricedModel[], page: Page, { url }: FastifyRequest) {
  const { shown, next } = pageFrom(models, page);
  return {
    object: 'list',
    data: shown.map(modelObject),
    total_count: models.length,
    links: { next: next ? linkTo(url, next) : null },
  };
}

/** The same question about the next page, as path and query. */
function linkTo(url: string, { offset, limit }: Required<Page>): string {
  const [path, query] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('offset', String(offset));
  parameters.set('limit', String(limit));
  return `${path}?${parameters}`;
}
