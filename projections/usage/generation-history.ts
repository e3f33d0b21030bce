import { Injectable } from '@nestjs/common';
import { type AccountEvent, accountStream } from '../../src/accounts/domain/accounts.events.js';
import type { EventMetadata } from '../../src/event-store/envelope.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { instantFromText } from '../../src/kernel/time.js';
import { readCheckpoint } from '../runtime/checkpoint.js';
import { evolveGeneration, type GenerationEvent } from './generation.projection.js';
import { generationEntity } from './usage.entity.js';
import { usage } from './usage.projection.js';
import { UsageRowsReader, usageBehind } from './usage-rows.js';
import type { Generation, Place } from './usage-tables.projection.js';

/** An event of a generation, in its place. */
export interface Told {
  readonly event: GenerationEvent;
  readonly place: Place;
  readonly metadata: EventMetadata;
}

export interface FoundGeneration {
  readonly generation: Generation;
  /** What the rows did not say yet, in the order in which it happened. */
  readonly ahead: readonly Told[];
}

/** While the read side is built anew, a long stream is not read through for every question. */
const READ_BACK_MAX = 20_000;

/**
 * Finds a generation at once, however far the projection is: its row, and on top of it what the account's own stream says after the
 * position that the row is folded to. The stream is read backwards down to that position and no further: one event where the
 * projection is up to date. What the row only points at is read where it points.
 */
@Injectable()
export class GenerationHistory {
  constructor(
    private readonly rows: UsageRowsReader,
    private readonly store: EventStore,
  ) {}

  /** Undefined where neither the rows nor the stream say anything of it. Throws 503 where the rows are so far behind that nobody knows. */
  async find(accountId: string, generationId: string): Promise<FoundGeneration | undefined> {
    const { stored, position } = await this.rows.read(accountId, async (manager) => ({
      position: (await readCheckpoint(manager, usage))?.position ?? -1n,
      stored: (await manager.findOneBy(generationEntity, { accountId, generationId })) ?? undefined,
    }));
    const ahead = await this.toldAfter(position, accountId, generationId);
    const generation = ahead.reduce<Generation | undefined>(
      (before, { event, place }) => evolveGeneration(before, event, accountId, place),
      stored,
    );
    return generation && { generation, ahead };
  }

  /** The event at a revision that the generation points at. Throws where another stands there: the rows are of another history. */
  async toldAt({ accountId, generationId }: Generation, revision: bigint, ahead: readonly Told[]): Promise<Told> {
    const known = ahead.find(({ place }) => place.revision === revision);
    if (known) return known;
    for await (const stored of this.store.read(accountStream(accountId), revision)) {
      const told = toldOf(stored, generationId);
      if (told && stored.revision === revision) return told;
      break;
    }
    throw new Error(`revision ${revision} of ${accountStream(accountId)} says nothing of ${generationId}`);
  }

  /** What the stream says of a generation after a position, the oldest first. */
  private async toldAfter(position: bigint, accountId: string, generationId: string): Promise<Told[]> {
    const told: Told[] = [];
    let read = 0;
    for await (const stored of this.store.readBackwards(accountStream(accountId))) {
      if (stored.position <= position) break;
      read += 1;
      if (read > READ_BACK_MAX) throw usageBehind();
      const one = toldOf(stored, generationId);
      if (!one) continue;
      told.push(one);
      // A generation begins with its reservation.
      if (one.event.type === 'CreditsReserved') break;
    }
    return told.reverse();
  }
}

function toldOf({ type, data, revision, position, metadata }: StoredEvent, generationId: string): Told | undefined {
  const event = { type, data } as AccountEvent;
  if (!isOfGeneration(event, generationId)) return undefined;
  return { event, place: { revision, position, at: instantFromText(metadata.occurredAt) }, metadata };
}

function isOfGeneration(event: AccountEvent, generationId: string): event is GenerationEvent {
  switch (event.type) {
    case 'CreditsReserved':
    case 'ReservationExtended':
    case 'ReservationSettled':
    case 'ReservationReleased':
    case 'LateSettlementRecorded':
    case 'GenerationRefunded':
      return event.data.generationId === generationId;
    default:
      return false;
  }
}
