import { DataSource } from 'typeorm';
import { checkpointEntity } from './checkpoint.js';
import { createTables } from './schema.js';
import { stoppedStreamEntity } from './stopped-streams.js';
import type { AnyProjectionDefinition } from './stored-projection.js';

/** Each runner that leads keeps one; the others are for who reads. */
const POOL_MAX = 16;
const CONNECT_TIMEOUT_MS = 5_000;
/** A server that accepts and never answers must not hold a runner or a reader for ever. */
const QUERY_TIMEOUT_MS = 30_000;

/**
 * Connects to the database of the read models and creates the tables that are missing. Rejects where it cannot be reached.
 * @param options queryTimeoutMs: 0 for none, where somebody waits for long statements
 */
export async function openDatabase(
  url: string,
  definitions: readonly AnyProjectionDefinition[],
  { queryTimeoutMs = QUERY_TIMEOUT_MS }: { readonly queryTimeoutMs?: number } = {},
): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    applicationName: 'projections',
    poolSize: POOL_MAX,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    installExtensions: false,
    extra: { query_timeout: queryTimeoutMs, keepAlive: true },
    entities: [
      checkpointEntity,
      stoppedStreamEntity,
      ...definitions.flatMap(({ entities, cache }) => [...Object.values(entities), ...(cache ? [cache.entity] : [])]),
    ] as never[],
  });
  await dataSource.initialize();
  try {
    await createTables(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}
