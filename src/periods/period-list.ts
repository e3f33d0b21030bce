import { Injectable } from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import { type Instant, instantFromText } from '../kernel/time.js';
import {
  PERIODS_STREAM,
  type Period,
  type PeriodClosed,
  type PeriodEvent,
  type PeriodReopened,
} from './domain/periods.events.js';

/** A month that was ever closed, as its last event left it. */
export interface PeriodRecord {
  readonly period: Period;
  readonly status: 'closed' | 'open';
  /** The last closing, also where the month was opened again. */
  readonly closing: PeriodClosed['data'];
  readonly closedAt: Instant;
  /** Of the closing: what stands before it counts in the month, as long as it is closed. */
  readonly closedPosition: bigint;
  readonly reopening: (PeriodReopened['data'] & { readonly at: Instant }) | undefined;
  /** Of the last event of the month. */
  readonly position: bigint;
}

/** Reads which months are closed, from the stream itself: it has an event or two a month. */
@Injectable()
export class PeriodList {
  constructor(private readonly store: EventStore) {}

  /** Months that were ever closed, the earliest first. Throws EventStoreUnavailable. */
  async list(): Promise<readonly PeriodRecord[]> {
    const records = new Map<Period, PeriodRecord>();
    for await (const { type, data, position, metadata } of this.store.read(PERIODS_STREAM)) {
      const event = { type, data } as PeriodEvent;
      const { period } = event.data;
      records.set(period, recordOf(event, records.get(period), position, instantFromText(metadata.occurredAt)));
    }
    return [...records.values()].sort((a, b) => (a.period < b.period ? -1 : 1));
  }

  async find(period: Period): Promise<PeriodRecord | undefined> {
    return (await this.list()).find((record) => record.period === period);
  }
}

function recordOf(event: PeriodEvent, before: PeriodRecord | undefined, position: bigint, at: Instant): PeriodRecord {
  switch (event.type) {
    case 'PeriodClosed': {
      const { data } = event;
      const closing = { closing: data, closedAt: at, closedPosition: position };
      return { period: data.period, status: 'closed', ...closing, reopening: undefined, position };
    }
    case 'PeriodReopened':
      if (!before) throw new Error(`period ${event.data.period} was opened again without having been closed`);
      return { ...before, status: 'open', reopening: { ...event.data, at }, position };
  }
  throw new Error(`unknown event of the periods: ${(event as { type: string }).type}`);
}
