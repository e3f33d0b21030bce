import { Injectable, Logger } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { ApiError } from '../../src/http/api-error.js';
import { Freshness } from '../runtime/freshness.js';
import { SCHEMA } from '../runtime/schema.js';
import type { AccountBalance, KeySpending, LotBalance } from './balance-tables.projection.js';
import { accountBalanceEntity, keySpendingEntity, lotBalanceEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

const FRESH_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 1;

export interface Balances {
  readonly account: AccountBalance;
  /** Of which anything remains. */
  readonly lots: readonly LotBalance[];
  /** Undefined where the account has no such key, or none was asked for. */
  readonly key: KeySpending | undefined;
}

interface Found {
  readonly stop: { readonly revision: string; readonly eventType: string } | null;
  readonly account: Record<string, unknown> | null;
  readonly lots: readonly Record<string, unknown>[];
  readonly key: Record<string, unknown> | null;
}

/** Reads the rows of one account as they were at one moment: in one statement, whose snapshot is one. */
@Injectable()
export class FreshBalances {
  private readonly logger = new Logger('balances');
  private readonly account: JsonRow<AccountBalance>;
  private readonly lot: JsonRow<LotBalance>;
  private readonly key: JsonRow<KeySpending>;
  private readonly statement: string;

  constructor(
    private readonly dataSource: DataSource,
    private readonly freshness: Freshness,
  ) {
    this.account = new JsonRow(dataSource, accountBalanceEntity);
    this.lot = new JsonRow(dataSource, lotBalanceEntity);
    this.key = new JsonRow(dataSource, keySpendingEntity);
    this.statement = `SELECT
      (SELECT json_build_object('revision', t.revision::text, 'eventType', t.event_type) FROM ${SCHEMA}.stopped_stream AS t
        WHERE t.projection = '${balances.name}' AND t.version = ${balances.version} AND t.stream = $3) AS stop,
      (SELECT ${this.account.sql} FROM ${this.account.table} AS t WHERE t.account_id = $1) AS account,
      (SELECT COALESCE(json_agg(${this.lot.sql}), '[]') FROM ${this.lot.table} AS t WHERE t.account_id = $1 AND t.remaining > 0) AS lots,
      (SELECT ${this.key.sql} FROM ${this.key.table} AS t WHERE t.account_id = $1 AND t.key_id = $2) AS key`;
  }

  /**
   * Waits until the rows are as fresh as `position`, and after a bound takes them as they are. Throws AccountUnreadable where the
   * account is stopped at an event that cannot be folded: what its rows say is no longer so.
   * @returns undefined where the account is not there yet
   */
  async read(accountId: string, keyId: string | undefined, position: bigint): Promise<Balances | undefined> {
    await this.freshness.waitFor(balances, position, FRESH_TIMEOUT_MS);
    const { stop, account, lots, key } = await this.find(accountId, keyId).catch((error: Error) => {
      this.logger.error({ msg: 'the read models cannot be read', error: error.message });
      throw readModelUnavailable();
    });
    if (stop) throw new AccountUnreadable(accountStream(accountId), BigInt(stop.revision), stop.eventType);
    if (!account) return undefined;
    return {
      account: this.account.read(account),
      lots: lots.map((lot) => this.lot.read(lot)),
      key: key ? this.key.read(key) : undefined,
    };
  }

  private async find(accountId: string, keyId: string | undefined): Promise<Found> {
    // Prepared under a name: planning costs more than reading.
    const pool = (this.dataSource.driver as unknown as { master: Pool }).master;
    const values = [accountId, keyId ?? null, accountStream(accountId)];
    const { rows } = await pool.query<Found>({ name: 'fresh-balances', text: this.statement, values });
    return rows[0] as Found;
  }
}

/** A row as one value of JSON, exact: amounts and positions as text. */
class JsonRow<Row extends object> {
  readonly table: string;
  /** Of a row that the statement calls `t`. */
  readonly sql: string;
  private readonly columns: readonly { readonly property: string; readonly read: (value: unknown) => unknown }[];

  constructor(dataSource: DataSource, entity: EntitySchema<Row>) {
    const { columns, tablePath } = dataSource.getMetadata(entity);
    this.table = tablePath;
    const members = columns.map((column) => {
      const isWide = WIDE.has(dataSource.driver.normalizeType(column));
      return `'${column.propertyName}', t."${column.databaseName}"${isWide ? '::text' : ''}`;
    });
    this.sql = `json_build_object(${members.join(', ')})`;
    this.columns = columns.map((column) => {
      const from = (column.transformer as { from(value: unknown): unknown } | undefined)?.from ?? ((value: unknown) => value);
      const isTime = dataSource.driver.normalizeType(column) === TIME;
      return {
        property: column.propertyName,
        read: isTime ? (value) => from(value === null ? null : new Date(value as string)) : from,
      };
    });
  }

  read(found: Record<string, unknown>): Row {
    const row: Record<string, unknown> = {};
    for (const { property, read } of this.columns) row[property] = read(found[property]);
    return row as Row;
  }
}

const WIDE: ReadonlySet<string> = new Set(['numeric', 'bigint']);
const TIME = 'timestamp with time zone';

export const readModelUnavailable = (): ApiError =>
  new ApiError(503, 'read_model_unavailable', 'The balance cannot be read at the moment, please try again', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
