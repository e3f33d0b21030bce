/** A run of a report whose process is killed goes on where it was, and the same scope gives the same bytes wherever it is run. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { createDatabase } from '../support/postgres.js';

const PROCESS = fileURLToPath(new URL('./report-process.js', import.meta.url));
const ROWS = 12_750;
const PAGE_ROWS = 500;
/** One look before the first page, one at each of them, and one at each again when the files are written. */
const PAGES = 26;

interface Task {
  readonly databaseUrl: string;
  readonly rows?: number;
  readonly killAtStep?: number;
}

const inputOf = (task: Task) => JSON.stringify({ rows: ROWS, pageRows: PAGE_ROWS, ...task });

async function carryOut(task: Task, env: Record<string, string> = {}): Promise<{ steps: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, inputOf(task)], { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

/** Has the run ended by SIGKILL at a step. @returns how many pages were stored by then */
async function killAt(databaseUrl: string, killAtStep: number): Promise<number> {
  const { signal } = spawnSync(process.execPath, [PROCESS, inputOf({ databaseUrl, killAtStep })]);
  expect(signal).toBe('SIGKILL');
  const [row] = await query(databaseUrl, 'SELECT chunks FROM finance.report_run');
  return (row as { chunks: number }).chunks;
}

const digests = (databaseUrl: string) =>
  query(databaseUrl, `SELECT format, bytes, encode(sha256, 'hex') AS sha256 FROM finance.report_file ORDER BY format`);

/** The digests of the bytes that a download would send. */
const storedBytes = (databaseUrl: string) =>
  query(
    databaseUrl,
    `SELECT format, sum(octet_length(bytes))::text AS bytes, encode(sha256(string_agg(bytes, ''::bytea ORDER BY n)), 'hex') AS sha256
     FROM finance.report_chunk GROUP BY format ORDER BY format`,
  );

async function query(databaseUrl: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a run of a report', () => {
  let undisturbed: unknown[];

  test('has the digests of the bytes that are stored', async () => {
    const databaseUrl = await createDatabase();
    expect(await carryOut({ databaseUrl })).toMatchObject({ steps: 1 + 2 * PAGES });
    undisturbed = await digests(databaseUrl);
    expect(undisturbed.map((file) => (file as { format: string }).format)).toEqual(['control', 'csv', 'jsonl', 'parquet']);
    expect(await storedBytes(databaseUrl)).toEqual(undisturbed);
  });

  test('has the same bytes in another time zone and language', async () => {
    const databaseUrl = await createDatabase();
    await carryOut({ databaseUrl }, { TZ: 'Pacific/Kiritimati', LANG: 'ar_EG.UTF-8', LC_ALL: 'ar_EG.UTF-8' });
    expect(await storedBytes(databaseUrl)).toEqual(undisturbed);
  });

  test('goes on after SIGKILL at its beginning, between pages, at its last page and between files', async () => {
    const databaseUrl = await createDatabase();
    const stored = [];
    for (const step of [0, 3, 8, PAGES - 11, 5]) stored.push(await killAt(databaseUrl, step));
    // Each goes on where the one before had ended: a step is a page, after the look before the first.
    expect(stored).toEqual([0, 2, 9, 23, PAGES]);
    // In the middle of the files: all pages are stored, and some of the files' pieces.
    expect(await killAt(databaseUrl, PAGES - 1)).toBe(PAGES);
    await carryOut({ databaseUrl });
    expect(await digests(databaseUrl)).toEqual(undisturbed);
    expect(await storedBytes(databaseUrl)).toEqual(undisturbed);
  }, 240_000);

  test('of a row more has other bytes', async () => {
    const databaseUrl = await createDatabase();
    await carryOut({ databaseUrl, rows: ROWS + 1 });
    const all = new Set(undisturbed.map((file) => (file as { sha256: string }).sha256));
    for (const file of await digests(databaseUrl)) expect(all).not.toContain((file as { sha256: string }).sha256);
  });
});
