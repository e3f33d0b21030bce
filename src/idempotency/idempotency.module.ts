import {
  type DynamicModule,
  Global,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { IdempotentRequests } from './idempotent-requests.js';
import { RequestsTable } from './requests-table.js';

const FORGET_EVERY_MS = 10 * 60_000;

/** Offers named requests to every edge that writes. Connects to PostgreSQL only when the first one comes. */
@Global()
@Module({})
export class IdempotencyModule implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('idempotency');
  private forgetting: NodeJS.Timeout | undefined;

  constructor(private readonly requests: IdempotentRequests) {}

  static forRoot(databaseUrl: string): DynamicModule {
    return {
      module: IdempotencyModule,
      providers: [{ provide: IdempotentRequests, useFactory: () => openIdempotentRequests(databaseUrl) }],
      exports: [IdempotentRequests],
    };
  }

  onApplicationBootstrap(): void {
    this.forgetting = setInterval(() => {
      this.requests.forget().catch((error: Error) => {
        this.logger.warn({ msg: 'old answers could not be removed', error: error.message });
      });
    }, FORGET_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.forgetting);
    await this.requests.close();
  }
}

/** Named requests on a database. */
export function openIdempotentRequests(databaseUrl: string): IdempotentRequests {
  const logger = new Logger('idempotency');
  return new IdempotentRequests(
    new RequestsTable(databaseUrl, (error) =>
      logger.warn({ msg: 'a connection for named requests broke', error: error.message }),
    ),
  );
}
