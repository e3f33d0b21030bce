import { Injectable, Logger } from '@nestjs/common';
import { DataSource, MoreThan } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { ApiError } from '../../src/http/api-error.js';
import { Freshness } from '../runtime/freshness.js';
import { findStop } from '../runtime/stopped-streams.js';
import type { AccountBalance, KeySpending, LotBalance } from './balance-tables.projection.js';
import { accountBalanceEntity, keySpendingEntity, lotBalanceEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

const FRESH_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;

export interface Balances {
  readonly account: AccountBalance;
  /** Of which anything remains. */
  readonly lots: readonly LotBalance[];
  readonly key: KeySpending;
}

/** Reads the rows of one account, as they were at one moment. */
@Injectable()
export class FreshBalances {
  private readonly logger = new Logger('balances');

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {}

  /**
   * Waits until the rows are as fresh as `position`, and after a bound takes them as they are. Throws 503 where the account or
   * the key is not there yet: a zero would be wrong. Throws AccountUnreadable where the account is stopped at an event that cannot
   * be folded: what its rows say is no longer so.
   */
  async read(accountId: string, keyId: string, position: bigint): Promise<Balances> {
    await this.freshness.waitFor(balances, position, FRESH_TIMEOUT_MS);
    const [stop, account, lots, key] = await this.rows(accountId, keyId).catch((error: Error) => {
      this.logger.error({ msg: 'the read models cannot be read', error: error.message });
      throw new ApiError(503, 'read_model_unavailable', 'The balance cannot be read at the moment, please try again', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    });
    if (stop) throw new AccountUnreadable(accountStream(accountId), stop.revision, stop.eventType);
    if (!account || !key) {
      throw new ApiError(503, 'projection_behind', 'The balance is not up to date yet, please try again', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    return { account, lots, key };
  }

  private rows(accountId: string, keyId: string) {
    return this.dataSource.transaction(
      'REPEATABLE READ',
      async (manager) =>
        [
          await findStop(manager, balances, accountStream(accountId)),
          await manager.findOneBy(accountBalanceEntity, { accountId }),
          await manager.find(lotBalanceEntity, { where: { accountId, remaining: MoreThan(0n as LotBalance['remaining']) } }),
          await manager.findOneBy(keySpendingEntity, { accountId, keyId }),
        ] as const,
    );
  }
}
