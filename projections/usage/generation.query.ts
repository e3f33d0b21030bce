import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type AccountEvent, accountStream } from '../../src/accounts/domain/accounts.events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import { readCheckpoint } from '../runtime/checkpoint.js';
import { evolveGeneration, type GenerationEvent } from './generation.projection.js';
import { generationEntity } from './usage.entity.js';
import { usage } from './usage.projection.js';
import { projectionBehind, UsageRowsReader } from './usage-rows.js';
import type { Generation } from './usage-tables.projection.js';

/** What was this generation of this account? Undefined where the account has made no such one. */
export class GetGeneration extends Query<Generation | undefined> {
  constructor(
    readonly accountId: string,
    readonly generationId: string,
  ) {
    super();
  }
}

interface Told {
  readonly event: GenerationEvent;
  readonly at: Instant;
}

/** While the read side is built anew, a long stream is not read through for every question. */
const READ_BACK_MAX = 20_000;

/**
 * Answers at once, however far the projection is: its row, and on top of it what the account's own stream says after the position
 * that the row is folded to. The stream is read backwards down to that position and no further: one event where the projection
 * is up to date. Where the row and the stream say nothing there is no such generation. Throws 503 where the projection is so far
 * behind that neither says.
 */
@QueryHandler(GetGeneration)
export class GetGenerationHandler implements IQueryHandler<GetGeneration> {
  constructor(
    private readonly rows: UsageRowsReader,
    private readonly store: EventStore,
  ) {}

  async execute({ accountId, generationId }: GetGeneration): Promise<Generation | undefined> {
    const { stored, position } = await this.rows.read(accountId, async (manager) => ({
      position: (await readCheckpoint(manager, usage))?.position ?? -1n,
      stored: (await manager.findOneBy(generationEntity, { accountId, generationId })) ?? undefined,
    }));
    const ahead = await this.toldAfter(position, accountId, generationId);
    return ahead.reduceRight<Generation | undefined>(
      (generation, { event, at }) => evolveGeneration(generation, event, accountId, at),
      stored,
    );
  }

  /** What the stream says of a generation after a position, the newest first. */
  private async toldAfter(position: bigint, accountId: string, generationId: string): Promise<Told[]> {
    const told: Told[] = [];
    let read = 0;
    for await (const stored of this.store.readBackwards(accountStream(accountId))) {
      if (stored.position <= position) break;
      read += 1;
      if (read > READ_BACK_MAX) throw projectionBehind();
      const event = { type: stored.type, data: stored.data } as AccountEvent;
      if (!isOfGeneration(event, generationId)) continue;
      told.push({ event, at: instantFromText(stored.metadata.occurredAt) });
      // A generation begins with its reservation.
      if (event.type === 'CreditsReserved') break;
    }
    return told;
  }
}

function isOfGeneration(event: AccountEvent, generationId: string): event is GenerationEvent {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
      return event.data.generationId === generationId;
    default:
      return false;
  }
}
