import { randomUUID } from 'node:crypto';
import { PostgresTables } from '../postgres-tables.js';
import type { Finding, Notice, NoticeKind } from './notice.js';

const QUERY_TIMEOUT_MS = 30_000;
const KEPT_FOR = '90 days';
/** So long a notice may wait in the queue before it is asked for again. */
const OVERDUE_AFTER = '1 minute';

/** One open notice for a subject at a time: two processes that find the same note it once. */
const CREATE = `
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('notices.notice'));
CREATE SCHEMA IF NOT EXISTS notices;
CREATE TABLE IF NOT EXISTS notices.notice (
  id text PRIMARY KEY,
  kind text NOT NULL,
  subject text NOT NULL,
  data jsonb NOT NULL,
  to_deliver boolean NOT NULL,
  raised_at timestamptz NOT NULL,
  cleared_at timestamptz,
  delivered_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  last_error text
);
CREATE UNIQUE INDEX IF NOT EXISTS notice_open ON notices.notice (kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX IF NOT EXISTS notice_raised ON notices.notice (raised_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS notice_pending ON notices.notice (raised_at) WHERE to_deliver AND delivered_at IS NULL;
COMMIT`;

const COLUMNS = `id, kind, subject, data, raised_at AS "raisedAt", cleared_at AS "clearedAt", delivered_at AS "deliveredAt", attempts,
  last_error AS "lastError"`;

const RAISE = `
INSERT INTO notices.notice (id, kind, subject, data, to_deliver, raised_at)
SELECT id, $1, subject, data, $3, now() FROM jsonb_to_recordset($2::jsonb) AS f(id text, subject text, data jsonb)
ON CONFLICT DO NOTHING RETURNING id`;

const CLEAR = `
UPDATE notices.notice SET cleared_at = now()
WHERE kind = $1 AND cleared_at IS NULL AND NOT (subject = ANY($2::text[]))`;

const PENDING = `
SELECT id FROM notices.notice WHERE to_deliver AND delivered_at IS NULL AND raised_at < now() - interval '${OVERDUE_AFTER}'
ORDER BY raised_at LIMIT $1`;

const ATTEMPTED = `
UPDATE notices.notice
SET attempts = attempts + 1, last_error = $2, delivered_at = CASE WHEN $2::text IS NULL THEN now() END
WHERE id = $1 AND delivered_at IS NULL`;

const FORGET = `
DELETE FROM notices.notice WHERE cleared_at < now() - interval '${KEPT_FOR}' AND (delivered_at IS NOT NULL OR NOT to_deliver)`;

const LIST = `
SELECT ${COLUMNS} FROM notices.notice
WHERE ($1::text IS NULL OR kind = $1) AND ($2::boolean IS NULL OR (cleared_at IS NULL) = $2)
  AND ($3::text IS NULL OR (raised_at, id) < (SELECT raised_at, id FROM notices.notice WHERE id = $3))
ORDER BY raised_at DESC, id DESC LIMIT $4`;

/** The notices in PostgreSQL, shared by all processes; its clock says when. */
export class NoticesTable {
  private readonly tables: PostgresTables;

  /** Connects when it is first asked something. */
  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.tables = new PostgresTables({ databaseUrl, create: CREATE, queryTimeoutMs: QUERY_TIMEOUT_MS, onError });
  }

  /** Notes what is found and was not open yet. @returns the ids of the new notices */
  async raise(kind: NoticeKind, findings: readonly Finding[], toDeliver: boolean): Promise<string[]> {
    if (findings.length === 0) return [];
    const noted = findings.map(({ subject, data }) => ({ id: `ntc_${randomUUID()}`, subject, data }));
    const { rows } = await this.tables.query<{ id: string }>(RAISE, [kind, JSON.stringify(noted), toDeliver]);
    return rows.map(({ id }) => id);
  }

  /** Closes the notices of a kind whose subject is not found any more. */
  async clearOthers(kind: NoticeKind, findings: readonly Finding[]): Promise<void> {
    await this.tables.query(CLEAR, [kind, findings.map(({ subject }) => subject)]);
  }

  /** Notices that should have been delivered by now. */
  async overdue(limit: number): Promise<string[]> {
    const { rows } = await this.tables.query<{ id: string }>(PENDING, [limit]);
    return rows.map(({ id }) => id);
  }

  async find(id: string): Promise<Notice | undefined> {
    const { rows } = await this.tables.query<Notice>(`SELECT ${COLUMNS} FROM notices.notice WHERE id = $1`, [id]);
    return rows[0];
  }

  /** @param error why it failed; null where it was delivered */
  async attempted(id: string, error: string | null): Promise<void> {
    await this.tables.query(ATTEMPTED, [id, error]);
  }

  /** The newest first, behind the notice `after`. */
  async list(
    asked: { readonly kind: NoticeKind | undefined; readonly open: boolean | undefined; readonly after: string | undefined },
    limit: number,
  ): Promise<Notice[]> {
    const { rows } = await this.tables.query<Notice>(LIST, [asked.kind ?? null, asked.open ?? null, asked.after ?? null, limit]);
    return rows;
  }

  async forgetOld(): Promise<void> {
    await this.tables.query(FORGET, []);
  }

  async close(): Promise<void> {
    await this.tables.close();
  }
}
