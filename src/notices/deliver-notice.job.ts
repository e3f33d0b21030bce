import { request } from 'undici';
import type { Job } from '../jobs/index.js';
import type { Clock } from '../kernel/time.js';
import type { Notice } from './notice.js';
import type { NoticesTable } from './notices-table.js';
import { signWebhook } from './webhook-signature.js';

export interface Webhook {
  readonly url: string;
  readonly secret: Buffer;
  readonly timeoutMs?: number;
}

export const DELIVER_NOTICE = 'deliver-notice';
const TIMEOUT_MS = 10_000;

/** The receiver did not take a notice: it is sent again. */
export class NoticeNotTaken extends Error {
  constructor(id: string, why: string) {
    super(`the webhook did not take notice ${id}: ${why}`);
  }
}

/**
 * Sends one notice until it is taken, with any status 2xx: at least once, since a process may die between the answer and its note.
 * Every attempt has the same id and the same body. Redirects are not followed.
 */
export class DeliverNoticeJob implements Job {
  readonly name = DELIVER_NOTICE;

  constructor(
    private readonly notices: NoticesTable,
    private readonly webhook: Webhook | undefined,
    private readonly clock: Clock,
  ) {}

  /** Throws NoticeNotTaken, so that the queue tries again. */
  async run(data: unknown): Promise<void> {
    const { id } = data as { id: string };
    const notice = await this.notices.find(id);
    if (!notice || notice.deliveredAt !== null || this.webhook === undefined) return;
    const failure = await this.post(this.webhook, notice);
    await this.notices.attempted(id, failure ?? null);
    if (failure !== undefined) throw new NoticeNotTaken(id, failure);
  }

  /** @returns why it was not taken */
  private async post({ url, secret, timeoutMs = TIMEOUT_MS }: Webhook, notice: Notice): Promise<string | undefined> {
    const body = bodyOf(notice);
    try {
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...signWebhook(secret, notice.id, Math.floor(this.clock.now() / 1000), body),
        },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.dump();
      return statusCode >= 200 && statusCode <= 299 ? undefined : `status ${statusCode}`;
    } catch (error) {
      // Not the message: it may show the address, and that a secret.
      const { code, name } = error as NodeJS.ErrnoException;
      return code ?? name;
    }
  }
}

const bodyOf = ({ id, kind, raisedAt, data }: Notice): string =>
  JSON.stringify({ id, type: kind, timestamp: raisedAt.toISOString(), data });
