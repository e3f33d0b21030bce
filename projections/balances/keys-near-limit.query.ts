import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { type Instant, instantToText, windowStart } from '../../src/kernel/time.js';
import { keySpendingEntity } from './balances.entity.js';
import { ofAccountsThatGoOn, tableOf } from './findings.js';

export interface KeyNearLimit {
  readonly accountId: string;
  readonly keyId: string;
  /** Nano-credits. */
  readonly limit: bigint;
  readonly spent: bigint;
  /** Since when the spending counts. */
  readonly windowStart: Instant;
}

/** Keys in use that have spent at least `percent` of their limit in its present window, in the order of their ids. */
export class KeysNearLimit extends Query<KeyNearLimit[]> {
  constructor(
    readonly percent: number,
    readonly at: Instant,
    readonly limit: number,
  ) {
    super();
  }
}

@QueryHandler(KeysNearLimit)
export class KeysNearLimitHandler implements IQueryHandler<KeysNearLimit> {
  constructor(private readonly dataSource: DataSource) {}

  async execute({ percent, at, limit }: KeysNearLimit): Promise<KeyNearLimit[]> {
    const windows = (['daily', 'weekly', 'monthly'] as const).map((reset) => instantToText(windowStart(reset, at)));
    const rows: { accountId: string; keyId: string; limit: string; spent: string; windowStart: Date }[] =
      await this.dataSource.query(
        `SELECT account_id AS "accountId", key_id AS "keyId", "limit"::text AS "limit", spent_in_window::text AS spent,
           window_start AS "windowStart"
         FROM ${tableOf(this.dataSource, keySpendingEntity)} AS key
         WHERE "limit" > 0 AND NOT revoked AND (expires_at IS NULL OR expires_at > $1) AND spent_in_window * 100 >= "limit" * $2
           AND window_start >= CASE limit_reset
             WHEN 'daily' THEN $3::timestamptz WHEN 'weekly' THEN $4::timestamptz WHEN 'monthly' THEN $5::timestamptz
             ELSE window_start END
           AND ${ofAccountsThatGoOn('key.account_id')}
         ORDER BY account_id, key_id LIMIT $6`,
        [instantToText(at), percent, ...windows, limit],
      );
    return rows.map(({ accountId, keyId, limit: most, spent, windowStart: since }) => ({
      accountId,
      keyId,
      limit: BigInt(most),
      spent: BigInt(spent),
      windowStart: since.getTime(),
    }));
  }
}
