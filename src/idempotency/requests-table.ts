import { Pool, type QueryResult, type QueryResultRow } from 'pg';

/** How long a claim holds without being renewed: a process that died is waited for no longer. */
export const LEASE_MS = 60_000;
/** How long an answer is given again. */
const KEPT_FOR = '24 hours';

const POOL_MAX = 8;
const CONNECT_TIMEOUT_MS = 2_000;
const QUERY_TIMEOUT_MS = 5_000;
const IDLE_MS = 30_000;

/** What the table says of a key after a claim. */
export interface RequestRow {
  /** Whether this claim has it now. */
  readonly ours: boolean;
  readonly fingerprint: Buffer;
  readonly state: 'running' | 'free' | 'kept' | 'not_kept';
  readonly attempt: number;
  /** When the key was first claimed. */
  readonly since: Date;
  readonly holder: Buffer;
  /** Whether its process has stopped renewing it. */
  readonly lapsed: boolean;
  readonly answer: Buffer | null;
}

const COLUMNS = 'fingerprint, state, attempt, since, holder, lease_until <= now() AS lapsed, answer';

/** Two processes that start at once wait for each other: CREATE IF NOT EXISTS alone is not safe against that. */
const CREATE = `
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('idempotency.requests'));
CREATE SCHEMA IF NOT EXISTS idempotency;
CREATE TABLE IF NOT EXISTS idempotency.requests (
  id bytea PRIMARY KEY,
  fingerprint bytea NOT NULL,
  state text NOT NULL,
  attempt integer NOT NULL,
  since timestamptz NOT NULL,
  holder bytea NOT NULL,
  lease_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  answer bytea
);
CREATE INDEX IF NOT EXISTS requests_expires_at ON idempotency.requests (expires_at);
COMMIT`;

/** A key that is new, free or forgotten is taken; of any other one its row is read. One round trip. */
const CLAIM = `
WITH claimed AS (
  INSERT INTO idempotency.requests AS r (id, fingerprint, state, attempt, since, holder, lease_until, expires_at)
  VALUES ($1, $2, 'running', 1, now(), $3, now() + $4 * interval '1 ms', now() + interval '${KEPT_FOR}')
  ON CONFLICT (id) DO UPDATE SET
    fingerprint = excluded.fingerprint, state = 'running', holder = excluded.holder, lease_until = excluded.lease_until,
    expires_at = excluded.expires_at, answer = NULL,
    attempt = CASE WHEN r.expires_at <= now() THEN 1 ELSE r.attempt + 1 END,
    since = CASE WHEN r.expires_at <= now() THEN now() ELSE r.since END
  WHERE r.state = 'free' OR (r.expires_at <= now() AND r.lease_until <= now())
  RETURNING ${COLUMNS}
)
SELECT true AS ours, * FROM claimed
UNION ALL
SELECT false AS ours, ${COLUMNS} FROM idempotency.requests WHERE id = $1 AND NOT EXISTS (SELECT FROM claimed)`;

const TAKE_OVER = `
UPDATE idempotency.requests SET holder = $3, attempt = $4, lease_until = now() + $5 * interval '1 ms'
WHERE id = $1 AND holder = $2 AND state = 'running' AND lease_until <= now()`;

const RENEW = `
UPDATE idempotency.requests SET lease_until = now() + $3 * interval '1 ms'
WHERE id = ANY($1) AND holder = ANY($2) AND state = 'running'`;

const END = `
UPDATE idempotency.requests SET state = $3, answer = $4, lease_until = now(), expires_at = now() + interval '${KEPT_FOR}'
WHERE id = $1 AND holder = $2 AND state <> 'kept'`;

const FORGET = `
DELETE FROM idempotency.requests WHERE id IN (
  SELECT id FROM idempotency.requests WHERE expires_at <= now() AND lease_until <= now() ORDER BY expires_at LIMIT $1
)`;

const IS_THERE = `SELECT to_regclass('idempotency.requests') IS NOT NULL AS there`;

/** PostgreSQL's codes for a table and a schema that are not there. */
const MISSING = new Set(['42P01', '3F000']);

/** The rows of named requests in PostgreSQL, shared by all processes. Its clock decides about leases. */
export class RequestsTable {
  private readonly pool: Pool;
  private creating: Promise<unknown> | undefined;

  /** Connects when it is first asked something. */
  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.pool = new Pool({
      connectionString: databaseUrl,
      max: POOL_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
    });
    this.pool.on('error', onError);
  }

  /** @returns undefined where another process is claiming it at this moment */
  async claim(id: Buffer, fingerprint: Buffer, holder: Buffer): Promise<RequestRow | undefined> {
    const { rows } = await this.query<RequestRow>('claim-request', CLAIM, [id, fingerprint, holder, LEASE_MS]);
    return rows[0];
  }

  /** Takes a claim whose lease has lapsed. @returns whether nobody else did, and its holder did not come back */
  async takeOver(id: Buffer, from: Buffer, to: Buffer, attempt: number): Promise<boolean> {
    const { rowCount } = await this.query('take-over-request', TAKE_OVER, [id, from, to, attempt, LEASE_MS]);
    return rowCount === 1;
  }

  /** Prolongs claims, each by its id and its holder. */
  async renew(claims: readonly { readonly id: Buffer; readonly holder: Buffer }[]): Promise<void> {
    const values = [claims.map(({ id }) => id), claims.map(({ holder }) => holder), LEASE_MS];
    await this.query('renew-requests', RENEW, values);
  }

  /**
   * Ends a claim. `running`: whoever asks next has to find out.
   * @returns whether it was this holder's; nothing happens where another process has taken it over
   */
  async end(id: Buffer, holder: Buffer, state: RequestRow['state'], answer: Buffer | null = null): Promise<boolean> {
    const { rowCount } = await this.query('end-request', END, [id, holder, state, answer]);
    return rowCount === 1;
  }

  /** Removes rows that are forgotten, the oldest first. @returns how many */
  async forget(rowsMax: number): Promise<number> {
    // Where nobody has named a request yet there is no table, and PostgreSQL would log that as an error.
    const { rows } = await this.pool.query<{ there: boolean }>(IS_THERE);
    if (!rows[0]?.there) return 0;
    const { rowCount } = await this.query('forget-requests', FORGET, [rowsMax]);
    return rowCount ?? 0;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private async query<Row extends QueryResultRow>(name: string, text: string, values: unknown[]): Promise<QueryResult<Row>> {
    await this.create();
    try {
      return await this.pool.query<Row>({ name, text, values });
    } catch (error) {
      if (!MISSING.has((error as { code?: string }).code ?? '')) throw error;
      // Somebody has dropped it, or put another database in its place, since this process began.
      this.creating = undefined;
      await this.create();
      return this.pool.query<Row>({ name, text, values });
    }
  }

  /** Once in a process, before anything is asked: PostgreSQL would log what is not there as an error, with all of the statement. */
  private create(): Promise<unknown> {
    this.creating ??= this.pool.query(CREATE).catch((error) => {
      this.creating = undefined;
      throw error;
    });
    return this.creating;
  }
}
