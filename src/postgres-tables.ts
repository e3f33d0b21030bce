import { Pool, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';

const POOL_MAX = 2;
const CONNECT_TIMEOUT_MS = 5_000;

export interface PostgresTablesOptions {
  readonly databaseUrl: string;
  /** Creates what is missing; may run in many processes at once. */
  readonly create: string;
  readonly queryTimeoutMs: number;
  /** Told of a connection that breaks while nobody uses it. */
  readonly onError: (error: Error) => void;
}

/** A feature's own tables in PostgreSQL, asked now and then. Connects, and creates what is missing, when it is first asked something. */
export class PostgresTables {
  private readonly pool: Pool;
  private readonly create: string;
  private creating: Promise<unknown> | undefined;

  constructor({ databaseUrl, create, queryTimeoutMs, onError }: PostgresTablesOptions) {
    this.create = create;
    this.pool = new Pool({
      connectionString: databaseUrl,
      max: POOL_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: queryTimeoutMs,
      allowExitOnIdle: true,
    });
    this.pool.on('error', onError);
  }

  async query<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> {
    await this.created();
    return this.pool.query<Row>(text, values);
  }

  /** Runs in one transaction: all of it, or nothing. A connection that failed is not used again. */
  async transaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
    await this.created();
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  /** Once in a process, before anything else; asked again where it did not work. */
  private created(): Promise<unknown> {
    this.creating ??= this.pool.query(this.create).catch((error) => {
      this.creating = undefined;
      throw error;
    });
    return this.creating;
  }
}
