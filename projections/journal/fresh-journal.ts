import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { ApiError } from '../../src/http/api-error.js';
import { freshEnough, projectionBehind } from '../runtime/fresh-enough.js';
import { Freshness } from '../runtime/freshness.js';
import { journal } from './journal.projection.js';
import { JournalStopped, readAtOnce } from './journal-reads.js';

const FRESH_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;

/** Answers administrators from the journal, no older than what they have written. */
@Injectable()
export class FreshJournal {
  private readonly logger = new Logger('journal');

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  /**
   * Rows of one moment, with everything up to `position` in them. Throws 503 where that takes too long or the database does not
   * answer, 500 where the journal is stopped: figures are exact or absent.
   */
  async read<Rows>(
    { accountId, position }: { readonly accountId: string | undefined; readonly position: bigint },
    read: (manager: EntityManager) => Promise<Rows>,
  ): Promise<Rows> {
    await freshEnough(this.freshness, journal, position, FRESH_TIMEOUT_MS, () => projectionBehind('The journal is'));
    try {
      return await readAtOnce(this.dataSource, { accountId, upTo: undefined }, read);
    } catch (error) {
      this.logger.error({ msg: 'the journal cannot be read', error: (error as Error).message });
      if (error instanceof JournalStopped)
        throw new ApiError(500, 'journal_incomplete', 'The journal is stopped at an event that cannot be read');
      throw new ApiError(503, 'read_model_unavailable', 'The journal cannot be read at the moment, please try again', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
  }
}
