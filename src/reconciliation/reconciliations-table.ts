import { formatSignedCredits } from '../kernel/credits.js';
import { PostgresTables } from '../postgres-tables.js';
import type { ComparedDay, DifferenceClass } from './domain/compare.js';

const QUERY_TIMEOUT_MS = 60_000;

/** As `json`, which keeps the order of the members. Amounts are text inside it: JSON numbers do not hold them. */
const CREATE = `
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('finance.reconciliation'));
CREATE SCHEMA IF NOT EXISTS finance;
CREATE TABLE IF NOT EXISTS finance.reconciliation (
  id text PRIMARY KEY,
  provider text NOT NULL,
  first_day text NOT NULL,
  last_day text NOT NULL,
  summary json NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS reconciliation_newest ON finance.reconciliation (first_day DESC, id);
CREATE TABLE IF NOT EXISTS finance.reconciliation_line (
  reconciliation_id text NOT NULL REFERENCES finance.reconciliation (id) ON DELETE CASCADE,
  n integer NOT NULL,
  class text NOT NULL,
  line json NOT NULL,
  PRIMARY KEY (reconciliation_id, n)
);
COMMIT`;

/** What is shown of a reconciliation. */
export type Summary = Readonly<Record<string, unknown>>;

export interface StoredLine {
  readonly n: number;
  readonly line: Readonly<Record<string, string | null>>;
}

/** A line with the reconciliation that it is of. */
export interface ReportedLine extends StoredLine {
  readonly id: string;
  readonly provider: string;
  readonly firstDay: string;
  /** Of the comparison, in the store. */
  readonly position: bigint;
}

/** The reconciliations in PostgreSQL, schema `finance`. */
export class ReconciliationsTable {
  private readonly tables: PostgresTables;

  /** Connects when it is first asked something. */
  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.tables = new PostgresTables({ databaseUrl, create: CREATE, queryTimeoutMs: QUERY_TIMEOUT_MS, onError });
  }

  /** Keeps a reconciliation and all its lines, or nothing; what is there already stays. */
  async keep(
    id: string,
    about: { provider: string; firstDay: string; lastDay: string },
    summary: Summary,
    lines: readonly ComparedDay[],
  ) {
    await this.tables.transaction(async (client) => {
      const { rowCount } = await client.query(
        `INSERT INTO finance.reconciliation (id, provider, first_day, last_day, summary) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING`,
        [id, about.provider, about.firstDay, about.lastDay, JSON.stringify(summary)],
      );
      if (rowCount === 0) return;
      const rows = lines.map((line, n) => ({ n, class: line.class, line: shownLine(line) }));
      await client.query(
        `INSERT INTO finance.reconciliation_line (reconciliation_id, n, class, line)
         SELECT $1, n, class, line FROM json_to_recordset($2::json) AS l(n integer, class text, line json)`,
        [id, JSON.stringify(rows)],
      );
    });
  }

  async find(id: string): Promise<Summary | undefined> {
    const { rows } = await this.tables.query<{ summary: Summary }>('SELECT summary FROM finance.reconciliation WHERE id = $1', [
      id,
    ]);
    return rows[0]?.summary;
  }

  /** By first day, the newest first. */
  async list(provider: string | undefined, limit: number): Promise<Summary[]> {
    const { rows } = await this.tables.query<{ summary: Summary }>(
      `SELECT summary FROM finance.reconciliation WHERE $1::text IS NULL OR provider = $1
       ORDER BY first_day DESC, id LIMIT $2`,
      [provider ?? null, limit],
    );
    return rows.map(({ summary }) => summary);
  }

  /** Lines behind number `after`, all or those of some classes, in their order. */
  async lines(id: string, classes: readonly DifferenceClass[], after: number, limit: number): Promise<StoredLine[]> {
    const { rows } = await this.tables.query<StoredLine>(
      `SELECT n, line FROM finance.reconciliation_line WHERE reconciliation_id = $1 AND n > $2 AND class = ANY($3)
       ORDER BY n LIMIT $4`,
      [id, after, classes, limit],
    );
    return rows;
  }

  /** Lines of the reconciliations that begin within some days and were recorded up to a position, behind a place in their order. */
  async reported(
    firstDay: string,
    beforeDay: string,
    upTo: bigint,
    after: { readonly firstDay: string; readonly id: string; readonly n: number },
    limit: number,
  ): Promise<ReportedLine[]> {
    const { rows } = await this.tables.query<Omit<ReportedLine, 'position'> & { position: string }>(
      `SELECT r.id, r.provider, r.first_day AS "firstDay", r.summary->>'position' AS position, l.n, l.line
       FROM finance.reconciliation AS r JOIN finance.reconciliation_line AS l ON l.reconciliation_id = r.id
       WHERE r.first_day >= $1 AND r.first_day < $2 AND (r.summary->>'position')::bigint <= $3
         AND (r.first_day COLLATE "C", r.id COLLATE "C", l.n) > ($4, $5, $6)
       ORDER BY r.first_day COLLATE "C", r.id COLLATE "C", l.n LIMIT $7`,
      [firstDay, beforeDay, upTo.toString(), after.firstDay, after.id, after.n, limit],
    );
    return rows.map(({ position, ...line }) => ({ ...line, position: BigInt(position) }));
  }

  async close(): Promise<void> {
    await this.tables.close();
  }
}

/** What a line says, in this order. */
export const LINE_COLUMNS = [
  'model',
  'day',
  'class',
  'provider_requests',
  'charged_requests',
  'estimated_requests',
  'provider_prompt_tokens',
  'charged_prompt_tokens',
  'provider_completion_tokens',
  'charged_completion_tokens',
  'provider_cost',
  'charged_cost',
  'margin',
] as const;

/** A line as it is shown and hashed: counts and amounts as decimal text. */
export function shownLine({
  model,
  day,
  class: is,
  stated,
  charged,
}: ComparedDay): Readonly<Record<(typeof LINE_COLUMNS)[number], string | null>> {
  const text = (value: bigint | undefined): string | null => (value === undefined ? null : value.toString());
  return {
    model,
    day,
    class: is,
    provider_requests: text(stated?.requests),
    charged_requests: text(charged?.requests),
    estimated_requests: text(charged?.estimatedRequests),
    provider_prompt_tokens: text(stated?.promptTokens),
    charged_prompt_tokens: text(charged?.promptTokens),
    provider_completion_tokens: text(stated?.completionTokens),
    charged_completion_tokens: text(charged?.completionTokens),
    provider_cost: amount(stated?.cost),
    charged_cost: amount(charged?.cost),
    margin: stated?.cost === undefined ? null : amount((charged?.cost ?? 0n) - stated.cost),
  };
}

/** Credits, or US dollars, from 10⁻⁹ of them; below zero too. */
export const amount = (nano: bigint | undefined): string | null => (nano === undefined ? null : formatSignedCredits(nano));
