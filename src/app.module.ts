import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { CqrsModule, QueryBus } from '@nestjs/cqrs';
import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { GetCreditTotals } from '../projections/balances/credit-totals.query.js';
import { DueLots } from '../projections/balances/due-lots.query.js';
import { OverdueReservations as OverdueInReadModel } from '../projections/balances/overdue-reservations.query.js';
import { ThinkingModels } from '../projections/balances/thinking-models.js';
import { DeferredRevenueReport } from '../projections/journal/deferred-revenue.report.js';
import { MonthlyStatementReport } from '../projections/journal/monthly-statement.report.js';
import { TrialBalanceReport } from '../projections/journal/trial-balance.report.js';
import { ProjectionsModule } from '../projections/projections.module.js';
import { GetProviderDays } from '../projections/provider-usage/provider-days.query.js';
import { Projections } from '../projections/runtime/projections.js';
import { GetActivity } from '../projections/usage/activity.query.js';
import { DailyUsage } from '../projections/usage/daily-usage.report.js';
import { GetGeneration } from '../projections/usage/generation.query.js';
import { GetKeyUsage } from '../projections/usage/key-usage.query.js';
import { AccountsModule, WelcomeCredits } from './accounts/index.js';
import { watches } from './app.notices.js';
import { AuditModule, ReplayModule } from './audit/index.js';
import { ReservationTimes } from './completions/ends/live-generations.js';
import { CompletionsModule } from './completions/index.js';
import type { Configuration } from './configuration.js';
import { DisputesModule } from './disputes/index.js';
import { EventStore } from './event-store/event-store.js';
import { EventStoreModule } from './event-store/event-store.module.js';
import { AdministrationToken } from './http/administration.guard.js';
import { GatewayClock, SystemClock } from './http/clock.js';
import { HealthController, Readiness } from './http/health.controller.js';
import { Metrics, MetricsController } from './http/metrics.controller.js';
import { type LimitersByTier, RateLimits } from './http/rate-limit.js';
import { IdempotencyModule } from './idempotency/index.js';
import { DueAccounts, JobsModule, OverdueReservations } from './jobs/index.js';
import type { Report } from './kernel/report.js';
import { MessagesModule } from './messages/index.js';
import { ModelsModule } from './models/index.js';
import { NoticesModule, Watches } from './notices/index.js';
import { OpenRouterModule } from './openrouter/index.js';
import { PeriodsModule } from './periods/index.js';
import { PriceBook, PricingModule } from './pricing/index.js';
import { RouteHealth, Routing } from './providers/index.js';
import { ChargedUsage, ProviderReconciliationReport, ReconciliationModule } from './reconciliation/index.js';
import { ReportCatalogue, ReportsModule } from './reports/index.js';
import { RepricingModule } from './repricing/index.js';
import { ResponsesModule } from './responses/index.js';
import { TextCompletionsModule } from './text-completions/index.js';

/** Where the servers are, configured or embedded. */
export interface Connections {
  readonly eventStoreUrl: string;
  readonly databaseUrl: string;
  readonly administrationToken: string;
}

const MINUTE_SECONDS = 60;
const THINKING_BUDGET = 16_000;
/** What OpenRouter's clients ask about accounts, as the read side answers it. */
const QUESTIONS = { generation: GetGeneration, keyUsage: GetKeyUsage, activity: GetActivity, creditTotals: GetCreditTotals };

/** Every report there is, by the class that the read side exports. */
const REPORTS: readonly Type<Report>[] = [
  DailyUsage,
  MonthlyStatementReport,
  DeferredRevenueReport,
  TrialBalanceReport,
  ProviderReconciliationReport,
];

/** What every part may ask for. The only module that knows both the write side and the read side. */
@Global()
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: a Nest module is a class, here made from the configuration
export class AppModule {
  static forRoot(configuration: Configuration, connections: Connections): DynamicModule {
    const { ROLES: roles } = configuration;
    const reservationTimes = new ReservationTimes(configuration.RESERVATION_TTL_MS);
    return {
      module: AppModule,
      imports: [
        CqrsModule.forRoot(),
        EventStoreModule.forRoot(connections.eventStoreUrl),
        IdempotencyModule.forRoot(connections.databaseUrl),
        AccountsModule,
        PricingModule,
        ...(roles.has('api')
          ? [
              CompletionsModule,
              MessagesModule,
              ResponsesModule,
              TextCompletionsModule,
              ModelsModule,
              OpenRouterModule.forRoot(QUESTIONS),
            ]
          : []),
        ...(roles.has('api') ? [ReplayModule] : []),
        ...(roles.has('jobs') ? [AuditModule.forRoot(auditOf(configuration))] : []),
        JobsModule.forRoot({
          redisUrl: configuration.REDIS_URL,
          databaseUrl: connections.databaseUrl,
          run: roles.has('jobs'),
          recoverEveryMs: reservationTimes.lookEveryMs,
          abandonedCalls: configuration.ABANDONED_CALLS,
        }),
        ReconciliationModule.forRoot(connections.databaseUrl),
        NoticesModule.forRoot(noticesOf(configuration, connections.databaseUrl)),
        RepricingModule,
        DisputesModule,
        PeriodsModule,
        ReportsModule.forRoot({
          databaseUrl: connections.databaseUrl,
          defaultSchedules: roles.has('jobs') && configuration.REPORT_SCHEDULES === 'default',
        }),
        ProjectionsModule.forRoot({ databaseUrl: connections.databaseUrl, run: roles.has('projections') }),
      ],
      controllers: [HealthController, MetricsController],
      providers: [
        { provide: GatewayClock, useClass: SystemClock },
        { provide: AdministrationToken, useValue: new AdministrationToken(connections.administrationToken) },
        { provide: Metrics, useFactory: (store: EventStore) => new Metrics(store), inject: [EventStore] },
        { provide: Routing, useFactory: () => routingOf(configuration) },
        RouteHealth,
        { provide: RateLimits, useFactory: () => rateLimitsOf(configuration) },
        { provide: WelcomeCredits, useValue: new WelcomeCredits(configuration.WELCOME_CREDITS) },
        { provide: ThinkingModels, useFactory: thinkingModels, inject: [PriceBook] },
        { provide: DueAccounts, useFactory: dueAccounts, inject: [QueryBus] },
        { provide: OverdueReservations, useFactory: overdueReservations, inject: [QueryBus] },
        { provide: ChargedUsage, useFactory: chargedUsage, inject: [QueryBus] },
        { provide: Watches, useFactory: watchesOf(configuration), inject: [QueryBus, GatewayClock] },
        { provide: ReservationTimes, useValue: reservationTimes },
        { provide: ReportCatalogue, useFactory: reportCatalogue, inject: [ModuleRef] },
        {
          provide: Readiness,
          useFactory: (store: EventStore, projections: Projections) => readiness(store, projections, roles.has('api')),
          inject: [EventStore, Projections],
        },
      ],
      exports: [
        GatewayClock,
        AdministrationToken,
        Metrics,
        Routing,
        RouteHealth,
        RateLimits,
        WelcomeCredits,
        ThinkingModels,
        DueAccounts,
        OverdueReservations,
        ChargedUsage,
        Watches,
        ReservationTimes,
        ReportCatalogue,
      ],
    };
  }
}

const auditOf = ({ DATA_DIR, CHECKPOINT_KEY, CHECKPOINT_FILE, CHECKPOINT_WEBHOOK_URL }: Configuration) => ({
  dataDir: DATA_DIR,
  key: CHECKPOINT_KEY,
  file: CHECKPOINT_FILE,
  webhookUrl: CHECKPOINT_WEBHOOK_URL,
});

const noticesOf = (
  { NOTICES_WEBHOOK_URL: url, NOTICES_WEBHOOK_SECRET: secret, NOTICES_EVERY_MS: everyMs }: Configuration,
  databaseUrl: string,
) => ({ databaseUrl, everyMs, webhook: url === undefined || secret === undefined ? undefined : { url, secret } });

const watchesOf = (configuration: Configuration) => (queries: QueryBus, clock: GatewayClock) =>
  watches(queries, clock, {
    lowBalance: configuration.NOTICE_LOW_BALANCE,
    expiringDays: configuration.NOTICE_EXPIRING_DAYS,
    keyLimitPercent: configuration.NOTICE_KEY_LIMIT_PERCENT,
    projectionLagMs: configuration.NOTICE_PROJECTION_LAG_MS,
  });

function routingOf(configuration: Configuration): Routing {
  const access = (provider: 'OPENAI' | 'ANTHROPIC' | 'GEMINI' | 'DEEPSEEK') => {
    const apiKey = configuration[`${provider}_API_KEY`];
    return apiKey === undefined ? undefined : { apiKey, baseUrl: configuration[`${provider}_BASE_URL`] };
  };
  return new Routing({
    openai: access('OPENAI'),
    anthropic: access('ANTHROPIC'),
    gemini: access('GEMINI'),
    deepseek: access('DEEPSEEK'),
    compatible: configuration.COMPATIBLE_PROVIDERS.flatMap(({ id, name, base_url: baseUrl, api_key_env: variable }) => {
      const apiKey = process.env[variable]?.trim();
      return apiKey ? [{ id, name, baseUrl, apiKey }] : [];
    }),
    connectTimeoutMs: configuration.PROVIDER_CONNECT_TIMEOUT_MS,
    idleTimeoutMs: configuration.PROVIDER_IDLE_TIMEOUT_MS,
  });
}

/** Counted in this process, or in Redis for all processes together; counted here while Redis is away. */
function rateLimitsOf({ RATE_LIMITS, KEY_RATE_LIMITS, REDIS_URL }: Configuration): RateLimits {
  const redis =
    REDIS_URL === undefined ? undefined : new Redis(REDIS_URL, { enableOfflineQueue: false, maxRetriesPerRequest: 1 });
  redis?.on('error', () => undefined);
  const limitersOf = (limits: Readonly<Record<string, number>>, prefix: string): LimitersByTier => {
    const limited = Object.entries(limits).filter(([, points]) => points > 0);
    return new Map(
      limited.map(([tier, points]) => {
        const options = { points, duration: MINUTE_SECONDS, keyPrefix: `${prefix}-${tier}` };
        const inMemory = new RateLimiterMemory(options);
        const shared = () => new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: inMemory });
        return [tier, redis === undefined ? inMemory : shared()];
      }),
    );
  };
  return new RateLimits(limitersOf(RATE_LIMITS, 'rate'), limitersOf(KEY_RATE_LIMITS, 'key-rate'));
}

const thinkingModels = (prices: PriceBook): ThinkingModels => ({
  enabled: true,
  defaultBudget: THINKING_BUDGET,
  list: () => prices.thinkingModels(),
});

const reportCatalogue = (modules: ModuleRef): ReportCatalogue =>
  ReportCatalogue.of(() => REPORTS.map((report) => modules.get(report, { strict: false })));

const dueAccounts = (queries: QueryBus): DueAccounts => ({ list: (at, limit) => queries.execute(new DueLots(at, limit)) });

const overdueReservations = (queries: QueryBus): OverdueReservations => ({
  list: (at, limit) => queries.execute(new OverdueInReadModel(at, limit)),
});

const chargedUsage = (queries: QueryBus): ChargedUsage => ({
  of: async (...asked) => {
    const days = await queries.execute(new GetProviderDays(...asked));
    return days.map(({ upstreamModel: model, ...figures }) => ({ model, ...figures }));
  },
});

/** A process that serves calls needs the ledger alone; one that only folds events needs the database as well. */
const readiness = (store: EventStore, projections: Projections, servesCalls: boolean): Readiness => ({
  missing: async () => {
    const missing = (await store.isReachable()) ? [] : ['event store'];
    const failing = projections.statuses().some(({ error }) => error !== undefined);
    return failing && !servesCalls ? [...missing, 'read models'] : missing;
  },
});
