import { Logger } from '@nestjs/common';
import type { Job, JobRequests } from '../jobs/index.js';
import { DELIVER_NOTICE } from './deliver-notice.job.js';
import type { NoticeKind, Watch } from './notice.js';
import type { NoticesTable } from './notices-table.js';

const OVERDUE_MAX = 1_000;
/** What an operator must see even where no webhook is set. */
const ALARMS: ReadonlySet<NoticeKind> = new Set(['projection_behind', 'invariant_broken']);

/**
 * Looks for what somebody should know. A finding is noted once, for as long as it holds; it is noted anew when it comes back. Notes
 * come before requests for delivery: what a dying process has not asked for, a later run does.
 */
export class LookForNoticesJob implements Job {
  readonly name = 'look-for-notices';
  private readonly logger = new Logger('notices');

  constructor(
    private readonly watches: readonly Watch[],
    private readonly notices: NoticesTable,
    private readonly requests: JobRequests,
    private readonly hasWebhook: boolean,
    readonly everyMs: number,
  ) {}

  async run(): Promise<void> {
    for (const watch of this.watches) {
      await this.look(watch).catch((error: Error) =>
        this.logger.error({ msg: 'a watch failed', kind: watch.kind, error: error.message }),
      );
    }
    if (this.hasWebhook) for (const id of await this.notices.overdue(OVERDUE_MAX)) await this.request(id);
    await this.notices.forgetOld();
  }

  private async look(watch: Watch): Promise<void> {
    const { kind } = watch;
    const { findings, complete } = await watch.look();
    if (complete) await this.notices.clearOthers(kind, findings);
    const raised = await this.notices.raise(kind, findings, this.hasWebhook);
    if (raised.length > 0 && ALARMS.has(kind)) this.logger.error({ msg: 'noticed', kind, notices: raised });
    if (this.hasWebhook) for (const id of raised) await this.request(id);
  }

  private request(id: string): Promise<void> {
    return this.requests.add(DELIVER_NOTICE, id, { id });
  }
}
