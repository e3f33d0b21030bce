import { Controller, Get, Param, Query, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { z } from 'zod';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { ApiError } from '../../src/http/api-error.js';
import { invalid, parse } from '../../src/http/validation.js';
import { asOfOf } from '../runtime/as-of.js';
import { minPositionOf } from '../runtime/min-position.js';
import { isText } from '../runtime/storable.js';
import { GenerationHistory, type Told } from './generation-history.js';
import { eventJson, generationJson, revisionsOf } from './generation-json.js';
import { GetGenerations } from './generations.query.js';
import { KnownAccounts } from './known-accounts.js';
import { UsageMoments } from './usage-moments.js';
import { nameFilter, timeOf } from './usage-question.js';
import type { Generation } from './usage-tables.projection.js';

const LIMIT_MAX = 1_000;
const ID_MAX = 128;

const listQuery = z.strictObject({
  from: z.string().optional(),
  until: z.string().optional(),
  model: nameFilter.optional(),
  key: nameFilter.optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(100),
  cursor: z.string().optional(),
  as_of: z.string().optional(),
  min_position: z.string().optional(),
});

/** The generations of an account, and what proves each of them. */
@Controller('api/v3/admin/accounts/:user_id/generations')
@UseGuards(AdministrationGuard)
export class GenerationsController {
  constructor(
    private readonly queries: QueryBus,
    private readonly history: GenerationHistory,
    private readonly moments: UsageMoments,
    private readonly accounts: KnownAccounts,
  ) {}

  /** The newest first, page by page; by the time of the reservation. */
  @Get()
  async list(@Param('user_id') accountId: string, @Query() query: unknown): Promise<object> {
    const asked = parse(listQuery, query);
    const asOf = asOfOf(asked.as_of);
    const question = {
      accountId,
      from: asked.from === undefined ? undefined : timeOf('from', asked.from),
      until: asked.until === undefined ? undefined : timeOf('until', asked.until),
      model: asked.model,
      keyId: asked.key,
      before: asked.cursor === undefined ? undefined : placeOfCursor(asked.cursor),
      limit: asked.limit + 1,
      asOf,
    };
    const minPosition = minPositionOf(asked.min_position);
    await this.accounts.mustExist(accountId, 'user_id');
    const position = await this.moments.positionFor(minPosition, asOf);
    const found = await this.queries.execute(new GetGenerations(question, position));
    const page = found.slice(0, asked.limit);
    return {
      data: page.map(generationJson),
      next: found.length > page.length ? cursorOf(page.at(-1)) : null,
      position: position.toString(),
    };
  }

  /** At once, however far the read side is: with the events that prove it, as they stand in the account's stream. */
  @Get(':generation_id')
  async show(@Param('user_id') accountId: string, @Param('generation_id') generationId: string): Promise<object> {
    await this.accounts.mustExist(accountId, 'user_id');
    const isId = generationId.length <= ID_MAX && isText(generationId);
    const found = isId ? await this.history.find(accountId, generationId) : undefined;
    if (!found) throw new ApiError(404, 'generation_not_found', 'The account has no such generation', { param: 'generation_id' });
    const { generation, ahead } = found;
    const events: Told[] = [];
    for (const revision of revisionsOf(generation)) events.push(await this.history.toldAt(generation, revision, ahead));
    return { ...generationJson(generation), events: events.map((told) => eventJson(told, accountStream(accountId))) };
  }
}

/** Opaque to clients: when the last generation of a page was reserved for, and where. */
const cursorOf = (last: Generation | undefined): string | null => (last ? `${last.reservedAt}_${last.reservedPosition}` : null);

function placeOfCursor(cursor: string): { at: number; position: bigint } {
  const [, at, position] = /^(\d{1,14})_(\d{1,18})$/.exec(cursor) ?? [];
  if (at === undefined || position === undefined) throw invalid('cursor', 'must be the `next` of an earlier answer');
  return { at: Number(at), position: BigInt(position) };
}
