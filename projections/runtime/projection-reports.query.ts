import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { EventStore } from '../../src/event-store/event-store.js';
import { GatewayClock } from '../../src/http/clock.js';
import { type ProjectionReport, reportOn } from './projection-report.js';
import { Projections } from './projections.js';

/** How far is each projection, whoever runs it? Rejects where the store or the database does not answer. */
export class GetProjectionReports extends Query<readonly ProjectionReport[]> {}

@QueryHandler(GetProjectionReports)
export class GetProjectionReportsHandler implements IQueryHandler<GetProjectionReports> {
  constructor(
    private readonly projections: Projections,
    private readonly dataSource: DataSource,
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {}

  async execute(): Promise<readonly ProjectionReport[]> {
    const reports: ProjectionReport[] = [];
    for (const definition of this.projections.definitions)
      reports.push(await reportOn(this.dataSource, this.store, definition, this.clock.now()));
    return reports;
  }
}
