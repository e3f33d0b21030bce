import { createHash, randomUUID } from 'node:crypto';
import { canonicalJson } from '../event-store/canonical-json.js';
import { DecidedStreams } from '../event-store/decided-streams.js';
import type { EventStore } from '../event-store/event-store.js';
import type { Clock } from '../kernel/time.js';
import { type ChargedDay, compare, DIFFERENCE_CLASSES, type StatedDay } from './domain/compare.js';
import { reconciliations } from './domain/reconcile.js';
import { reconciliationStream } from './domain/reconciliation.events.js';
import { amount, type ReconciliationsTable, type Summary, shownLine } from './reconciliations-table.js';

/** What the ledger charged for what a provider served, asked of the read side. At least as fresh as `position`; throws 503 where it is not. */
export abstract class ChargedUsage {
  abstract of(provider: string, firstDay: string, lastDay: string, position: bigint): Promise<readonly ChargedDay[]>;
}

export interface ReconciliationRequest {
  readonly provider: string;
  readonly firstDay: string;
  readonly lastDay: string;
  readonly toleranceBasisPoints: number;
  readonly rows: readonly StatedDay[];
}

const ACCOUNTS = ['account-'] as const;

/**
 * Imports what a provider states, compares it with what the ledger charged, and records both. The same rows for the same range are
 * the same reconciliation: asked again it answers with what came of it the first time.
 */
export class ReconcileProvider {
  private readonly streams: DecidedStreams;

  constructor(
    private readonly store: EventStore,
    clock: Clock,
    private readonly charged: ChargedUsage,
    private readonly table: ReconciliationsTable,
  ) {
    this.streams = new DecidedStreams(store, clock);
  }

  async run(request: ReconciliationRequest): Promise<Summary> {
    const { provider, firstDay, lastDay, toleranceBasisPoints, rows } = request;
    const stated = rows.map(statedJson);
    const rowsHash = sha256(canonicalJson(stated));
    const reconciliationId = sha256(canonicalJson({ provider, firstDay, lastDay, toleranceBasisPoints, rowsHash }));
    const known = await this.table.find(reconciliationId);
    if (known) return known;

    const stream = reconciliationStream(provider, firstDay);
    const cause = (step: string) => ({
      commandId: `${step}:${reconciliationId}`,
      correlationId: randomUUID(),
      actor: { type: 'administrator', id: 'administrator' } as const,
    });
    await this.streams.execute(
      reconciliations,
      stream,
      {
        type: 'ImportReconciliation',
        data: { reconciliationId, provider, firstDay, lastDay, rows: rows.length, rowsHash, toleranceBasisPoints },
      },
      cause('import'),
    );
    const position = await this.store.headPosition(ACCOUNTS);
    const charged = await this.charged.of(provider, firstDay, lastDay, position);
    const lines = compare(rows, charged, toleranceBasisPoints);
    const counts = Object.fromEntries(
      DIFFERENCE_CLASSES.map((each) => [each, lines.filter((line) => line.class === each).length]),
    );
    const sums = { charged: sumOf(charged), providerCost: sumOf(rows) };
    const linesHash = sha256(canonicalJson(lines.map(shownLine)));
    const { position: recordedAt } = await this.streams.execute(
      reconciliations,
      stream,
      {
        type: 'RecordComparison',
        data: {
          reconciliationId,
          position: `${position}`,
          counts,
          linesHash,
          charged: `${sums.charged}`,
          providerCost: `${sums.providerCost}`,
        },
      },
      cause('compare'),
    );
    const summary = {
      reconciliation_id: reconciliationId,
      provider,
      first_day: firstDay,
      last_day: lastDay,
      tolerance_percent: toleranceBasisPoints / 100,
      rows: rows.length,
      lines: lines.length,
      counts,
      charged: amount(sums.charged),
      provider_cost: amount(sums.providerCost),
      margin: amount(sums.charged - sums.providerCost),
      rows_sha256: rowsHash,
      lines_sha256: linesHash,
      ledger_position: `${position}`,
      position: `${recordedAt}`,
    };
    await this.table.keep(reconciliationId, request, summary, lines);
    // Another process may have been faster, and its comparison is the one that is kept.
    return (await this.table.find(reconciliationId)) ?? summary;
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const sumOf = (days: readonly { readonly cost: bigint | undefined }[]): bigint =>
  days.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n);

const statedJson = ({ model, day, requests, promptTokens, completionTokens, cost }: StatedDay): object => ({
  model,
  day,
  requests: requests?.toString() ?? null,
  promptTokens: promptTokens?.toString() ?? null,
  completionTokens: completionTokens?.toString() ?? null,
  cost: cost?.toString() ?? null,
});
