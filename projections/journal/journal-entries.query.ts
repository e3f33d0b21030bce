import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { FreshJournal } from './fresh-journal.js';
import { journalEntryEntity } from './journal.entity.js';
import type { JournalEntry } from './journal-tables.projection.js';

export interface EntriesAsked {
  readonly accountId: string | undefined;
  /** `yyyy-mm`, that they are posted in. */
  readonly period: string | undefined;
  /** The first that is wanted, counted in the order that is asked for; undefined: from the oldest or the newest. */
  readonly fromPosition: bigint | undefined;
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  /** Commit position of the store that the rows must have reached. */
  readonly position: bigint;
}

export interface Entries {
  readonly entries: readonly JournalEntry[];
  /** Where the next page begins; undefined where there is none. */
  readonly next: bigint | undefined;
}

/** What was posted, entry by entry? Throws what FreshJournal throws. */
export class GetJournalEntries extends Query<Entries> {
  constructor(readonly asked: EntriesAsked) {
    super();
  }
}

@QueryHandler(GetJournalEntries)
export class GetJournalEntriesHandler implements IQueryHandler<GetJournalEntries> {
  constructor(private readonly journal: FreshJournal) {}

  async execute({ asked }: GetJournalEntries): Promise<Entries> {
    const { accountId, period, fromPosition, order, limit, position } = asked;
    const found = await this.journal.read({ accountId, position }, (manager) => {
      const query = manager
        .createQueryBuilder(journalEntryEntity, 'entry')
        .orderBy('entry.position', order === 'oldest' ? 'ASC' : 'DESC')
        .limit(limit + 1);
      if (accountId !== undefined) query.andWhere('entry.account_id = :accountId', { accountId });
      if (period !== undefined) query.andWhere('entry.period = :period', { period });
      if (fromPosition !== undefined)
        query.andWhere(`entry.position ${order === 'oldest' ? '>=' : '<='} :from`, { from: fromPosition.toString() });
      return query.getMany();
    });
    return { entries: found.slice(0, limit), next: found[limit]?.position };
  }
}
