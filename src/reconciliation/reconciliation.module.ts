import { type DynamicModule, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { ChargedUsage, ReconcileProvider } from './reconcile-provider.js';
import { ProviderReconciliationReport } from './reconciliation.report.js';
import { ReconciliationsController } from './reconciliations.controller.js';
import { ReconciliationsTable } from './reconciliations-table.js';

/** Needs EventStore, GatewayClock and ChargedUsage from global modules. */
@Module({})
export class ReconciliationModule implements OnApplicationShutdown {
  constructor(private readonly table: ReconciliationsTable) {}

  static forRoot(databaseUrl: string): DynamicModule {
    return {
      module: ReconciliationModule,
      controllers: [ReconciliationsController],
      providers: [
        { provide: ReconciliationsTable, useFactory: () => openTable(databaseUrl) },
        {
          provide: ReconcileProvider,
          useFactory: (store: EventStore, clock: GatewayClock, charged: ChargedUsage, table: ReconciliationsTable) =>
            new ReconcileProvider(store, clock, charged, table),
          inject: [EventStore, GatewayClock, ChargedUsage, ReconciliationsTable],
        },
        ProviderReconciliationReport,
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.table.close();
  }
}

function openTable(databaseUrl: string): ReconciliationsTable {
  const logger = new Logger('reconciliation');
  return new ReconciliationsTable(databaseUrl, (error) =>
    logger.warn({ msg: 'a connection for reconciliations broke', error: error.message }),
  );
}
