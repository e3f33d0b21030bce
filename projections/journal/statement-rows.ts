import type { EntityManager } from 'typeorm';
import type { ReportRow } from '../../src/kernel/report.js';
import { journalEntryEntity, sumOfMonthEntity } from './journal.entity.js';
import { tableOf } from './journal-reads.js';

/** How many accounts and entries one read takes: bounds of its memory. */
const ACCOUNTS_MAX = 1_000;
const ENTRIES_MAX = 5_000;

export interface StatementScope {
  readonly period: string;
  readonly upTo: bigint;
  readonly accountId: string | undefined;
}

/** Where the next row begins: after an account, or within one, where its figures stand. */
export interface Place {
  readonly accountId: string;
  readonly within: { readonly position: bigint; readonly balance: bigint; readonly receivable: bigint } | undefined;
}

/** Before every account: no id is empty. */
export const START: Place = { accountId: '', within: undefined };

/** Where a statement goes on after one of its rows. */
export function placeAfter(row: ReportRow): Place {
  const [accountId, line, position, , , , , , balance, receivable] = row as [string, string, bigint | null, ...bigint[]];
  if (line === 'closing') return { accountId, within: undefined };
  return { accountId, within: { position: position ?? -1n, balance: balance as bigint, receivable: receivable as bigint } };
}

/** Throws where it is no cursor of ours. */
export function placeFromCursor(cursor: string): Place {
  const { accountId, within } = JSON.parse(cursor);
  if (typeof accountId !== 'string') throw new TypeError('this is no cursor of a statement');
  if (within === undefined) return { accountId, within };
  const { position, balance, receivable } = within;
  return { accountId, within: { position: BigInt(position), balance: BigInt(balance), receivable: BigInt(receivable) } };
}

interface Running {
  readonly accountId: string;
  balance: bigint;
  receivable: bigint;
  hasRows: boolean;
}

interface EntryRow {
  readonly accountId: string;
  readonly position: string;
  readonly at: string;
  readonly type: string;
  readonly reference: string;
  readonly owned: string;
  readonly receivable: string;
  readonly originalPeriod: string | null;
}

/** The rows of some accounts from a place on, and where it goes on; undefined where nothing follows. Call it within one snapshot. */
export async function readStatement(
  manager: EntityManager,
  scope: StatementScope,
  from: Place,
): Promise<{ rows: ReportRow[]; next: Place | undefined }> {
  const ids = await readAccounts(manager, scope, from);
  const last = ids.at(-1);
  if (last === undefined) return { rows: [], next: undefined };
  const openings = await readOpenings(manager, scope, ids);
  const entries = await readEntries(manager, scope, from, last);
  const rows: ReportRow[] = [];
  let n = 0;
  for (const accountId of ids) {
    const within = accountId === from.accountId ? from.within : undefined;
    const { owned = 0n, owed = 0n } = openings.get(accountId) ?? {};
    const running: Running = within
      ? { accountId, balance: within.balance, receivable: within.receivable, hasRows: true }
      : { accountId, balance: owned, receivable: owed, hasRows: owned !== 0n || owed !== 0n };
    if (!within && (running.hasRows || entries[n]?.accountId === accountId)) rows.push(edge(scope, running, 'opening'));
    for (let entry = entries[n]; entry?.accountId === accountId; entry = entries[++n]) rows.push(rowOf(scope, running, entry));
    // As many as one read takes: the account may have more.
    if (n === ENTRIES_MAX) return { rows, next: placeAfter(rows.at(-1) as ReportRow) };
    if (running.hasRows) rows.push(edge(scope, running, 'closing'));
  }
  return { rows, next: { accountId: last, within: undefined } };
}

/** Those of which anything came in time, and those of which something came late: an account may have nothing else. */
async function readAccounts(manager: EntityManager, { accountId }: StatementScope, from: Place): Promise<string[]> {
  const isWanted = `account_id ${from.within ? '>=' : '>'} $1 AND ($2::text IS NULL OR account_id = $2)`;
  const found: { account_id: string }[] = await manager.query(
    `(SELECT DISTINCT account_id FROM ${tableOf(manager, sumOfMonthEntity)} WHERE ${isWanted} ORDER BY account_id LIMIT ${ACCOUNTS_MAX})
     UNION SELECT account_id FROM ${tableOf(manager, journalEntryEntity)} WHERE is_late AND ${isWanted}
     ORDER BY account_id LIMIT ${ACCOUNTS_MAX}`,
    [from.accountId, accountId ?? null],
  );
  return found.map((row) => row.account_id);
}

/** What accounts had when the month began: their sums, with what came late where it was posted, without what came after `upTo`. */
async function readOpenings(manager: EntityManager, { period, upTo }: StatementScope, ids: readonly string[]) {
  const entry = tableOf(manager, journalEntryEntity);
  const found: { account_id: string; owned: string; owed: string }[] = await manager.query(
    `SELECT account_id, SUM(owned) AS owned, SUM(receivable) AS owed FROM (
       SELECT account_id, owned, receivable FROM ${tableOf(manager, sumOfMonthEntity)}
       WHERE account_id = ANY($1) AND month < $2
       UNION ALL
       SELECT account_id, owned, receivable FROM ${entry}
       WHERE is_late AND account_id = ANY($1) AND period < $2 AND position <= $3
       UNION ALL
       SELECT account_id, -owned, -receivable FROM ${entry}
       WHERE NOT is_late AND account_id BETWEEN $4 AND $5 AND period < $2 AND position > $3 AND (owned <> 0 OR receivable <> 0)
     ) AS counted GROUP BY account_id`,
    [ids, period, upTo.toString(), ids[0], ids.at(-1)],
  );
  return new Map(found.map((row) => [row.account_id, { owned: BigInt(row.owned), owed: BigInt(row.owed) }]));
}

function readEntries(
  manager: EntityManager,
  { period, upTo, accountId }: StatementScope,
  from: Place,
  last: string,
): Promise<EntryRow[]> {
  const first = from.within ? [from.accountId, from.within.position.toString()] : [from.accountId, MAX_POSITION];
  return manager.query(
    `SELECT account_id AS "accountId", position, (EXTRACT(EPOCH FROM occurred_at) * 1000)::bigint AS at, type, reference,
       owned, receivable, original_period AS "originalPeriod"
     FROM ${tableOf(manager, journalEntryEntity)}
     WHERE period = $1 AND (owned <> 0 OR receivable <> 0) AND (account_id, position) > ($2, $3) AND account_id <= $4
       AND position <= $5 AND ($6::text IS NULL OR account_id = $6)
     ORDER BY account_id, position LIMIT ${ENTRIES_MAX}`,
    [period, ...first, last, upTo.toString(), accountId ?? null],
  );
}

const MAX_POSITION = (2n ** 63n - 1n).toString();

function rowOf({ period }: StatementScope, running: Running, entry: EntryRow): ReportRow {
  const owned = BigInt(entry.owned);
  const receivable = BigInt(entry.receivable);
  running.balance += owned;
  running.receivable += receivable;
  running.hasRows = true;
  return [
    entry.accountId,
    'entry',
    BigInt(entry.position),
    Number(entry.at),
    entry.type,
    entry.reference,
    owned,
    receivable,
    running.balance,
    running.receivable,
    period,
    entry.originalPeriod,
  ];
}

const edge = (
  { period }: StatementScope,
  { accountId, balance, receivable }: Running,
  line: 'opening' | 'closing',
): ReportRow => [accountId, line, null, null, null, null, null, null, balance, receivable, period, null];
