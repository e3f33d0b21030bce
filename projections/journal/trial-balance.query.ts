import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { LedgerAccount } from './chart.projection.js';
import { FreshJournal } from './fresh-journal.js';
import { type Figures, readFigures } from './ledger-figures.js';

/** What is on each ledger account in this month, of one account or of all? At least as fresh as `position`. */
export class GetTrialBalance extends Query<ReadonlyMap<LedgerAccount, Figures>> {
  constructor(
    readonly period: string,
    readonly accountId: string | undefined,
    readonly position: bigint,
  ) {
    super();
  }
}

@QueryHandler(GetTrialBalance)
export class GetTrialBalanceHandler implements IQueryHandler<GetTrialBalance> {
  constructor(private readonly journal: FreshJournal) {}

  execute({ period, accountId, position }: GetTrialBalance): Promise<ReadonlyMap<LedgerAccount, Figures>> {
    return this.journal.read({ accountId, position }, (manager) => readFigures(manager, { period, accountId, upTo: undefined }));
  }
}
