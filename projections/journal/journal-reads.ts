import type { DataSource, EntityManager, EntitySchema } from 'typeorm';
import { SCHEMA } from '../runtime/schema.js';
import type { LedgerAccount } from './chart.projection.js';
import { journal } from './journal.projection.js';
import type { JournalEntry } from './journal-tables.projection.js';

/** The journal cannot say what is asked: it is stopped at an event that cannot be folded, and the entries after it are missing. */
export class JournalStopped extends Error {
  constructor(stream: string, position: string) {
    super(`the journal is stopped at position ${position}, in the stream ${stream}: its figures are not complete`);
  }
}

/** The table of an entity, for statements that are written out. */
export const tableOf = (manager: EntityManager | DataSource, entity: EntitySchema): string =>
  ('getMetadata' in manager ? manager : manager.connection).getMetadata(entity).tablePath;

/** Rows as they are at one moment. Throws JournalStopped where an event up to `upTo` could not be folded, of that account or of any. */
export function readAtOnce<Rows>(
  dataSource: DataSource,
  { accountId, upTo }: { readonly accountId: string | undefined; readonly upTo: bigint | undefined },
  read: (manager: EntityManager) => Promise<Rows>,
): Promise<Rows> {
  return dataSource.transaction('REPEATABLE READ', async (manager) => {
    const stops: { stream: string; position: string }[] = await manager.query(
      `SELECT stream, position FROM ${SCHEMA}.stopped_stream
       WHERE projection = $1 AND version = $2 AND ($3::bigint IS NULL OR position <= $3)
         AND ($4::text IS NULL OR stream = 'account-' || $4 OR stream LIKE 'period-%') ORDER BY position LIMIT 1`,
      [journal.name, journal.version, upTo?.toString() ?? null, accountId ?? null],
    );
    const [stop] = stops;
    if (stop) throw new JournalStopped(stop.stream, stop.position);
    return read(manager);
  });
}

/** `available:promo=100 held:promo=-100` as amounts, debits positive. */
export const linesFrom = (lines: JournalEntry['lines']): [LedgerAccount, bigint][] =>
  lines === ''
    ? []
    : lines.split(' ').map((line) => {
        const end = line.indexOf('=');
        return [line.slice(0, end) as LedgerAccount, BigInt(line.slice(end + 1))];
      });
