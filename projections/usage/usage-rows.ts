import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { ApiError } from '../../src/http/api-error.js';
import { freshEnough, projectionBehind } from '../runtime/fresh-enough.js';
import { Freshness } from '../runtime/freshness.js';
import { findAnyStop, findStop } from '../runtime/stopped-streams.js';
import { usage } from './usage.projection.js';

const FRESH_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;

/** Reads rows of one account or of all, all of them as they were at one moment. */
@Injectable()
export class UsageRowsReader {
  private readonly logger = new Logger('usage');

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  /** As `read`, but not before everything up to `position` is folded. Throws 503 where that takes too long: sums are exact or absent. */
  async readFresh<Rows>(
    accountId: string | undefined,
    position: bigint,
    read: (manager: EntityManager) => Promise<Rows>,
    timeoutMs = FRESH_TIMEOUT_MS,
  ): Promise<Rows> {
    await freshEnough(this.freshness, usage, position, timeoutMs, usageBehind);
    return this.read(accountId, read);
  }

  /**
   * Rows as they are. Throws 503 where the database does not answer, AccountUnreadable where the account is stopped at an event
   * that cannot be folded: what its rows say is no longer so. Of all accounts: throws 500 where any of them is stopped.
   */
  async read<Rows>(accountId: string | undefined, read: (manager: EntityManager) => Promise<Rows>): Promise<Rows> {
    const [stop, rows] = await this.dataSource
      .transaction('REPEATABLE READ', async (manager) => {
        return [await stopOf(manager, accountId), await read(manager)] as const;
      })
      .catch((error: Error) => {
        this.logger.error({ msg: 'the read models cannot be read', error: error.message });
        throw new ApiError(503, 'read_model_unavailable', 'The usage cannot be read at the moment, please try again', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      });
    if (stop) throw new AccountUnreadable(stop.stream, stop.revision, stop.eventType);
    return rows;
  }
}

/** Where an account, or any of them, is stopped. */
async function stopOf(manager: EntityManager, accountId: string | undefined) {
  if (accountId === undefined) return findAnyStop(manager, usage);
  const stream = accountStream(accountId);
  const stop = await findStop(manager, usage, stream);
  return stop && { ...stop, stream };
}

export const usageBehind = (): ApiError => projectionBehind('The usage is');
