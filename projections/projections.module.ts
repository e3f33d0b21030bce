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
import { DataSource } from 'typeorm';
import { EventStore } from '../src/event-store/event-store.js';
import { AuthenticationGuard } from '../src/http/authentication.guard.js';
import { Metrics } from '../src/http/metrics.controller.js';
import { balancesDefinition } from './balances/balances.entity.js';
import { CreditBalanceController } from './balances/credit-balance.controller.js';
import { GetCreditBalanceHandler } from './balances/credit-balance.query.js';
import { GetCreditTotalsHandler } from './balances/credit-totals.query.js';
import { DueLotsHandler } from './balances/due-lots.query.js';
import { ExpiringLotsHandler } from './balances/expiring-lots.query.js';
import { FreshBalances } from './balances/fresh-balances.js';
import { KeysNearLimitHandler } from './balances/keys-near-limit.query.js';
import { LowBalancesHandler } from './balances/low-balances.query.js';
import { OverdueReservationsHandler } from './balances/overdue-reservations.query.js';
import { QuotaController } from './balances/quota.controller.js';
import { GetQuotaHandler } from './balances/quota.query.js';
import { UnbalancedAccountsHandler } from './balances/unbalanced-accounts.query.js';
import { GetProviderDaysHandler } from './provider-usage/provider-days.query.js';
import { providerUsageDefinition } from './provider-usage/provider-usage.entity.js';
import { openDatabase } from './runtime/database.js';
import { Freshness } from './runtime/freshness.js';
import { Projections } from './runtime/projections.js';
import { measureStoppedStreams } from './runtime/stopped-streams-gauge.js';
import type { AnyProjectionDefinition } from './runtime/stored-projection.js';
import { GetActivityHandler } from './usage/activity.query.js';
import { GetGenerationHandler } from './usage/generation.query.js';
import { GetKeyUsageHandler } from './usage/key-usage.query.js';
import { usageDefinition } from './usage/usage.entity.js';
import { UsageRowsReader } from './usage/usage-rows.js';

export interface ProjectionsOptions {
  readonly databaseUrl: string;
  /** Whether this process keeps the read models up to date, or only answers from them. */
  readonly run: boolean;
  /** Modules that bind what the controllers need, where they are not global. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

const OPTIONS = Symbol('ProjectionsOptions');
const DEFINITIONS: readonly AnyProjectionDefinition[] = [balancesDefinition, usageDefinition, providerUsageDefinition];

/** The read side. Needs EventStore, Authenticator, GatewayClock, ThinkingModels and QueryBus from global modules or `imports`. */
@Module({})
export class ProjectionsModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(OPTIONS) private readonly options: ProjectionsOptions,
    private readonly dataSource: DataSource,
    private readonly projections: Projections,
    @Optional() @Inject(Metrics) metrics: Metrics | undefined,
  ) {
    if (metrics) measureStoppedStreams(projections, metrics.registry);
  }

  static forRoot(options: ProjectionsOptions): DynamicModule {
    return {
      module: ProjectionsModule,
      imports: options.imports ?? [],
      controllers: [QuotaController, CreditBalanceController],
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
        GetQuotaHandler,
        GetCreditBalanceHandler,
        DueLotsHandler,
        OverdueReservationsHandler,
        GetCreditTotalsHandler,
        GetProviderDaysHandler,
        LowBalancesHandler,
        ExpiringLotsHandler,
        KeysNearLimitHandler,
        UnbalancedAccountsHandler,
        UsageRowsReader,
        GetGenerationHandler,
        GetKeyUsageHandler,
        GetActivityHandler,
      ],
      exports: [Projections, Freshness],
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
