import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  Optional,
} from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { EventStore } from '../src/event-store/event-store.js';
import { AuthenticationGuard } from '../src/http/authentication.guard.js';
import { GatewayClock } from '../src/http/clock.js';
import { Metrics } from '../src/http/metrics.controller.js';
import { AccountBalancesController } from './balances/account-balances.controller.js';
import { AskedBalances } from './balances/asked-balances.js';
import { balancesDefinition } from './balances/balances.definition.js';
import { CreditBalanceController } from './balances/credit-balance.controller.js';
import { GetCreditBalanceHandler } from './balances/credit-balance.query.js';
import { GetCreditTotalsHandler } from './balances/credit-totals.query.js';
import { DueLotsHandler } from './balances/due-lots.query.js';
import { ExpiringCreditsController } from './balances/expiring-credits.controller.js';
import { GetExpiringCreditsHandler } from './balances/expiring-credits.query.js';
import { ExpiringLotsHandler } from './balances/expiring-lots.query.js';
import { FreshBalances } from './balances/fresh-balances.js';
import { KeysNearLimitHandler } from './balances/keys-near-limit.query.js';
import { LotsController } from './balances/lots.controller.js';
import { GetLotsHandler } from './balances/lots.query.js';
import { LowBalancesHandler } from './balances/low-balances.query.js';
import { OverdueReservationsHandler } from './balances/overdue-reservations.query.js';
import { PastBalances } from './balances/past-balances.js';
import { QuotaController } from './balances/quota.controller.js';
import { GetQuotaHandler } from './balances/quota.query.js';
import { Spending } from './balances/spending.js';
import { UnbalancedAccountsHandler } from './balances/unbalanced-accounts.query.js';
import { DisputeListController } from './disputes/dispute-list.controller.js';
import { disputesDefinition } from './disputes/disputes.entity.js';
import { ListDisputesHandler } from './disputes/disputes.query.js';
import { DeferredRevenueReport } from './journal/deferred-revenue.report.js';
import { FreshJournal } from './journal/fresh-journal.js';
import { JournalController } from './journal/journal.controller.js';
import { journalDefinition } from './journal/journal.entity.js';
import { GetJournalEntriesHandler } from './journal/journal-entries.query.js';
import { MonthlyStatementReport } from './journal/monthly-statement.report.js';
import { GetTrialBalanceHandler } from './journal/trial-balance.query.js';
import { TrialBalanceReport } from './journal/trial-balance.report.js';
import { GetProviderDaysHandler } from './provider-usage/provider-days.query.js';
import { providerUsageDefinition } from './provider-usage/provider-usage.entity.js';
import { openDatabase } from './runtime/database.js';
import { Freshness } from './runtime/freshness.js';
import { measureProjections } from './runtime/projection-metrics.js';
import { GetProjectionReportsHandler } from './runtime/projection-reports.query.js';
import { ProjectionsController } from './runtime/projections.controller.js';
import { Projections } from './runtime/projections.js';
import { measureStoppedStreams } from './runtime/stopped-streams-gauge.js';
import type { AnyProjectionDefinition } from './runtime/stored-projection.js';
import { GetActivityHandler } from './usage/activity.query.js';
import { DailyUsage } from './usage/daily-usage.report.js';
import { GetGenerationHandler } from './usage/generation.query.js';
import { GenerationHistory } from './usage/generation-history.js';
import { GenerationsController } from './usage/generations.controller.js';
import { GetGenerationsHandler } from './usage/generations.query.js';
import { GetKeyUsageHandler } from './usage/key-usage.query.js';
import { KnownAccounts } from './usage/known-accounts.js';
import { GetSpending, GetSpendingHandler } from './usage/spending.query.js';
import { AdministrationUsageController, OwnUsageController } from './usage/usage.controller.js';
import { usageDefinition } from './usage/usage.entity.js';
import { GetUsageFiguresHandler } from './usage/usage-figures.query.js';
import { UsageMoments } from './usage/usage-moments.js';
import { UsageRowsReader } from './usage/usage-rows.js';

export interface ProjectionsOptions {
  readonly databaseUrl: string;
  /** Whether this process keeps the read models up to date, or only answers from them. */
  readonly run: boolean;
  /** Modules that bind what the controllers need, where they are not global. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

const OPTIONS = Symbol('ProjectionsOptions');
export const DEFINITIONS: readonly AnyProjectionDefinition[] = [
  balancesDefinition,
  usageDefinition,
  providerUsageDefinition,
  journalDefinition,
  disputesDefinition,
];

/** The read side. Needs EventStore, Authenticator, GatewayClock, ThinkingModels and QueryBus from global modules or `imports`. */
@Module({})
export class ProjectionsModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(OPTIONS) private readonly options: ProjectionsOptions,
    private readonly dataSource: DataSource,
    private readonly projections: Projections,
    @Optional() @Inject(Metrics) metrics: Metrics | undefined,
    store: EventStore,
    clock: GatewayClock,
  ) {
    if (metrics) {
      measureStoppedStreams(projections, metrics.registry);
      measureProjections(projections, store, () => clock.now(), metrics.registry);
    }
  }

  static forRoot(options: ProjectionsOptions): DynamicModule {
    return {
      module: ProjectionsModule,
      imports: options.imports ?? [],
      controllers: [
        AccountBalancesController,
        ExpiringCreditsController,
        LotsController,
        QuotaController,
        CreditBalanceController,
        AdministrationUsageController,
        OwnUsageController,
        GenerationsController,
        JournalController,
        DisputeListController,
        ProjectionsController,
      ],
      providers: [
        { provide: OPTIONS, useValue: options },
        { provide: DataSource, useFactory: () => openDatabase(options.databaseUrl, DEFINITIONS) },
        { provide: Freshness, useFactory: (dataSource: DataSource) => new Freshness(dataSource), inject: [DataSource] },
        {
          provide: Projections,
          useFactory: (dataSource: DataSource, events: EventStore, freshness: Freshness) =>
            new Projections(DEFINITIONS, dataSource, events, freshness, new Logger('projections')),
          inject: [DataSource, EventStore, Freshness],
        },
        AuthenticationGuard,
        FreshBalances,
        PastBalances,
        AskedBalances,
        GetQuotaHandler,
        GetCreditBalanceHandler,
        DueLotsHandler,
        OverdueReservationsHandler,
        GetCreditTotalsHandler,
        GetProviderDaysHandler,
        GetLotsHandler,
        GetExpiringCreditsHandler,
        { provide: Spending, useFactory: spending, inject: [QueryBus] },
        GetSpendingHandler,
        GetProjectionReportsHandler,
        LowBalancesHandler,
        ExpiringLotsHandler,
        KeysNearLimitHandler,
        UnbalancedAccountsHandler,
        UsageRowsReader,
        GenerationHistory,
        KnownAccounts,
        UsageMoments,
        GetUsageFiguresHandler,
        GetGenerationsHandler,
        DailyUsage,
        GetGenerationHandler,
        GetKeyUsageHandler,
        GetActivityHandler,
        ListDisputesHandler,
        FreshJournal,
        GetJournalEntriesHandler,
        GetTrialBalanceHandler,
        MonthlyStatementReport,
        DeferredRevenueReport,
        TrialBalanceReport,
      ],
      exports: [DailyUsage, Projections, Freshness, MonthlyStatementReport, DeferredRevenueReport, TrialBalanceReport],
    };
  }

  onApplicationBootstrap(): void {
    if (this.options.run) this.projections.start();
  }

  /** While the last requests are still answered, and before the event store is closed. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.projections.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.dataSource.destroy();
  }
}

/** The forecast of what expires asks the usage, which the balances do not know. */
const spending = (queries: QueryBus): Spending => ({ of: (...asked) => queries.execute(new GetSpending(...asked)) });
