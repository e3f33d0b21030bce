import { type DataSource, EntitySchema, type QueryRunner } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import type { StoredEvent } from '../../src/event-store/event-store.js';
import type { Instant } from '../../src/kernel/time.js';
import { type AsOf } from '../runtime/as-of.js';
import { instant, json, position, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionCache } from '../runtime/stored-projection.js';
import { StoredTable } from '../runtime/stored-table.js';
import type { BalanceTables } from './balance-tables.projection.js';
import { accountBalanceEntity, keySpendingEntity, lotBalanceEntity, openReservationEntity } from './balances.entity.js';
import { balances } from './balances.projection.js';

/**
 * All rows of an account as they were behind one of its events: where looking at the past begins to fold. A cache: deleting any of
 * them costs time, never meaning.
 */
export interface BalanceMoment {
  readonly accountId: string;
  /** Of the account's last event in it. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly at: Instant;
  /** The rows by table, as PostgreSQL writes them. */
  readonly state: object;
}

/** So many events of an account, at most, lie between a moment and any point after it, where batches are small. */
export const MOMENT_EVERY = 2_000n;

export const balanceMomentEntity = new EntitySchema<BalanceMoment>({
  name: 'BalanceMoment',
  schema: SCHEMA,
  tableName: tableName('balance_moment', balances.version),
  columns: {
    accountId: text('account_id', { primary: true }),
    revision: position('revision', { primary: true }),
    position: position('position'),
    at: instant('at'),
    state: json('state'),
  },
});

const nameOf = ({ options }: EntitySchema): string => `"${SCHEMA}"."${options.tableName}"`;
const ENTITIES = {
  accounts: accountBalanceEntity,
  lots: lotBalanceEntity,
  keys: keySpendingEntity,
  reservations: openReservationEntity,
} as const;

const rowsOfAccount = (table: keyof typeof ENTITIES): string =>
  `'${table}', (SELECT COALESCE(jsonb_agg(to_jsonb(row)), '[]') FROM ${nameOf(ENTITIES[table])} AS row WHERE row.account_id = account.account_id)`;

const KEEP = `
INSERT INTO ${nameOf(balanceMomentEntity)} (account_id, revision, position, at, state)
SELECT account_id, revision, position, last_event_at,
  jsonb_build_object(${(Object.keys(ENTITIES) as (keyof typeof ENTITIES)[]).map(rowsOfAccount).join(', ')})
FROM ${nameOf(accountBalanceEntity)} AS account WHERE account_id = ANY($1) ON CONFLICT DO NOTHING`;

/** Kept in the transaction of the batch that takes an account across a multiple of so many events, as they are behind the batch. */
export const balanceMoments = (every: bigint): ProjectionCache => ({
  entity: balanceMomentEntity,
  async keep(queryRunner, events) {
    const accounts = accountsToKeep(events, every);
    if (accounts.length > 0) await queryRunner.query(KEEP, [accounts]);
  },
});

function accountsToKeep(events: readonly StoredEvent[], every: bigint): string[] {
  const accounts = new Set<string>();
  for (const { stream, revision } of events)
    if (revision > 0n && revision % every === 0n) accounts.add(stream.slice(accountStream('').length));
  return [...accounts];
}

type StoredTables = { readonly [Table in keyof BalanceTables]: StoredTable<BalanceTables[Table]> };

/** Finds the moments of accounts, and makes rows of them again. */
export class BalanceMoments {
  private readonly tables: StoredTables;

  constructor(dataSource: DataSource) {
    const open = <Table extends keyof BalanceTables>(table: Table) =>
      new StoredTable(dataSource, ENTITIES[table] as unknown as EntitySchema<BalanceTables[Table]>, balances.keys[table]);
    this.tables = { accounts: open('accounts'), lots: open('lots'), keys: open('keys'), reservations: open('reservations') };
  }

  /** The last moment of an account at or before a point; undefined where there is none. */
  async before(
    database: Pick<DataSource | QueryRunner, 'query'>,
    accountId: string,
    asOf: AsOf,
  ): Promise<
    { readonly revision: bigint; readonly rows: { [Table in keyof BalanceTables]: BalanceTables[Table][] } } | undefined
  > {
    const [condition, value] = 'at' in asOf ? ['at <= $2', new Date(asOf.at)] : ['position <= $2', `${asOf.position}`];
    const [found] = await database.query(
      `SELECT revision FROM ${nameOf(balanceMomentEntity)} WHERE account_id = $1 AND ${condition} ORDER BY revision DESC LIMIT 1`,
      [accountId, value],
    );
    if (!found) return undefined;
    const revision = BigInt(found.revision);
    const rowsOf = async <Table extends keyof BalanceTables>(table: Table): Promise<BalanceTables[Table][]> => {
      const stored = this.tables[table];
      const rows: Record<string, unknown>[] = await database.query(
        `SELECT ${stored.selected('t')} FROM ${nameOf(balanceMomentEntity)} AS moment,
           jsonb_populate_recordset(NULL::${stored.path}, moment.state->'${table}') AS t
         WHERE moment.account_id = $1 AND moment.revision = $2`,
        [accountId, revision.toString()],
      );
      return rows.map((row) => stored.rowOf(row));
    };
    return {
      revision,
      rows: {
        accounts: await rowsOf('accounts'),
        lots: await rowsOf('lots'),
        keys: await rowsOf('keys'),
        reservations: await rowsOf('reservations'),
      },
    };
  }
}
