import { Pool, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';

const POOL_MAX = 6;
const CONNECT_TIMEOUT_MS = 5_000;
/** Of a transaction that a lost client would leave open, as the server sees it. */
const IDLE_MS = 30_000;

/** Two processes that start at once wait for each other: CREATE IF NOT EXISTS alone is not safe against that. */
const CREATE = `
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('create finance', 0));
CREATE SCHEMA IF NOT EXISTS finance;
CREATE TABLE IF NOT EXISTS finance.report_run (
  id text PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  report text NOT NULL,
  period text NOT NULL,
  from_ms bigint NOT NULL,
  until_ms bigint NOT NULL,
  up_to numeric(20) NOT NULL,
  account_id text,
  provisional boolean NOT NULL,
  schedule_id text,
  state text NOT NULL,
  phase text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  error text,
  cursor text,
  chunks integer NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  row_count bigint NOT NULL DEFAULT 0,
  debits numeric NOT NULL DEFAULT 0,
  credits numeric NOT NULL DEFAULT 0,
  first_position numeric(20),
  last_position numeric(20),
  control text,
  made_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX IF NOT EXISTS report_run_open ON finance.report_run (number) WHERE state IN ('queued', 'running');
CREATE TABLE IF NOT EXISTS finance.report_file (
  run_id text NOT NULL REFERENCES finance.report_run ON DELETE CASCADE,
  format text NOT NULL,
  bytes bigint NOT NULL,
  sha256 bytea NOT NULL,
  PRIMARY KEY (run_id, format)
);
CREATE TABLE IF NOT EXISTS finance.report_chunk (
  run_id text NOT NULL REFERENCES finance.report_run ON DELETE CASCADE,
  format text NOT NULL,
  n integer NOT NULL,
  start_byte bigint NOT NULL,
  cursor text,
  row_count integer,
  debits numeric,
  credits numeric,
  bytes bytea STORAGE EXTERNAL NOT NULL,
  PRIMARY KEY (run_id, format, n)
);
CREATE TABLE IF NOT EXISTS finance.report_schedule (
  id text PRIMARY KEY,
  report text NOT NULL,
  cron text NOT NULL,
  time_zone text NOT NULL,
  misfire text NOT NULL,
  account_id text,
  enabled boolean NOT NULL,
  handled_until timestamptz NOT NULL,
  last_slot timestamptz,
  last_run_id text,
  error text
);
CREATE TABLE IF NOT EXISTS finance.report_default_made (report text PRIMARY KEY);
COMMIT`;

/** The last table that is created: where it is, all of them are. */
const IS_THERE = `SELECT to_regclass('finance.report_default_made') IS NOT NULL AS there`;

/** What can be asked: a pool, or one connection of it. */
export interface Connection {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** Schema `finance` in PostgreSQL. Connects when it is first asked something, and creates what is missing. */
export class FinanceDatabase implements Connection {
  private readonly pool: Pool;
  private created: Promise<void> | undefined;

  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.pool = new Pool({
      connectionString: databaseUrl,
      max: POOL_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
      application_name: 'reports',
    });
    this.pool.on('error', onError);
  }

  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<QueryResult<Row>> {
    await this.create();
    return this.pool.query<Row>(text, values);
  }

  /** Runs in one transaction: all of it, or nothing. */
  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.withClient((client) => inTransaction(client, work));
  }

  /**
   * Runs while no other process does under the same name, waiting for it where one does. The lock belongs to the connection that is
   * handed over: what loses the connection has lost the lock, and can write nothing more.
   */
  async locked<T>(name: string, work: (connection: PoolClient) => Promise<T>): Promise<T> {
    return this.withClient(async (client) => {
      await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`finance ${name}`]);
      try {
        return await work(client);
      } finally {
        // On a broken connection there is no lock left to give back.
        await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [`finance ${name}`]).catch(() => undefined);
      }
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  /** Once for this process, unless it fails. */
  private create(): Promise<void> {
    this.created ??= this.createMissing().catch((error) => {
      this.created = undefined;
      throw error;
    });
    return this.created;
  }

  private async createMissing(): Promise<void> {
    const { rows } = await this.pool.query<{ there: boolean }>(IS_THERE);
    if (!rows[0]?.there) await this.pool.query(CREATE);
  }

  /** A connection that failed is not used again. */
  private async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    await this.create();
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  }
}

/** One transaction on a connection. */
export async function inTransaction<T>(connection: Connection, work: (connection: Connection) => Promise<T>): Promise<T> {
  await connection.query('BEGIN');
  try {
    const result = await work(connection);
    await connection.query('COMMIT');
    return result;
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
