/** The administration of reports over real servers: event store, PostgreSQL, queues, HTTP. The report is made up. */

import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventStoreModule } from '../../src/event-store/event-store.module.js';
import { AdministrationToken } from '../../src/http/administration.guard.js';
import { ApiErrorFilter } from '../../src/http/api-error.filter.js';
import { GatewayClock } from '../../src/http/clock.js';
import { IdempotencyModule } from '../../src/idempotency/index.js';
import { QueuesModule } from '../../src/jobs/index.js';
import { JobQueues } from '../../src/jobs/job-queues.js';
import type { Report, ReportRow } from '../../src/kernel/report.js';
import type { Instant } from '../../src/kernel/time.js';
import { ReportCatalogue, ReportsModule } from '../../src/reports/index.js';
import { startTemporaryNode, type TemporaryNode } from './event-store-node.js';

export const TOKEN = 'administration-token-of-the-tests';

/** A report whose figures, faults and delays a test decides on. */
export class MadeUpReport implements Report {
  readonly title = 'Made up';
  readonly columns = [
    { name: 'position', type: 'position' },
    { name: 'occurred_at', type: 'instant' },
    { name: 'note', type: 'text', nullable: true },
    { name: 'tokens', type: 'count' },
    { name: 'debit', type: 'credits', total: 'debits' },
    { name: 'credit', type: 'credits', total: 'credits' },
  ] as const;
  rows: ReportRow[] = [];
  /** Thrown instead of the page behind which so many rows lie. */
  fault: { readonly after: number; readonly error: Error } | undefined;
  isReached = true;
  /** Where each look at the pages began. */
  readonly looks: (string | undefined)[] = [];

  constructor(
    readonly name: string,
    readonly covers: 'day' | 'month',
    readonly byAccount = true,
  ) {}

  async reached(): Promise<boolean> {
    return this.isReached;
  }

  async *pages(_scope: unknown, after: string | undefined) {
    this.looks.push(after);
    for (let at = Number(after ?? 0); at < this.rows.length; at += 2) {
      if (this.fault && at >= this.fault.after) throw this.fault.error;
      yield { rows: this.rows.slice(at, at + 2), cursor: String(at + 2) };
    }
  }
}

export interface ReportWorld {
  readonly url: string;
  readonly clock: { now: Instant };
  readonly monthly: MadeUpReport;
  readonly daily: MadeUpReport;
  readonly node: TemporaryNode;
  readonly app: NestFastifyApplication;
  ask(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it, it says
  readonly json: any;
  readonly bytes: Buffer;
  readonly headers: Headers;
}

export async function startReportWorld(databaseUrl: string, redisUrl?: string): Promise<ReportWorld> {
  const node = await startTemporaryNode();
  const clock = { now: Date.UTC(2026, 2, 10, 12) };
  const monthly = new MadeUpReport('made-up-monthly', 'month');
  const daily = new MadeUpReport('made-up-daily', 'day', false);

  @Global()
  @Module({
    imports: [
      EventStoreModule.forRoot(node.connectionString),
      IdempotencyModule.forRoot(databaseUrl),
      QueuesModule.forRoot({ redisUrl, databaseUrl, run: true }),
      ReportsModule.forRoot({ databaseUrl, defaultSchedules: true }),
    ],
    providers: [
      { provide: GatewayClock, useValue: { now: () => clock.now } },
      { provide: AdministrationToken, useValue: new AdministrationToken(TOKEN) },
      { provide: ReportCatalogue, useValue: ReportCatalogue.of(() => [monthly, daily]) },
    ],
    exports: [GatewayClock, AdministrationToken, ReportCatalogue],
  })
  class World {}

  const app = await NestFactory.create<NestFastifyApplication>(World, new FastifyAdapter(), {
    logger: false,
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new ApiErrorFilter());
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask: ReportWorld['ask'] = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isJson = answer.headers.get('content-type')?.startsWith('application/json;') && bytes.length > 0;
    return { status: answer.status, json: isJson ? JSON.parse(bytes.toString()) : undefined, bytes, headers: answer.headers };
  };
  const close = async () => {
    await app.close();
    await node.dispose();
  };
  return { url, clock, monthly, daily, node, app, ask, close };
}

/** Waits until a run has come to a state; the pauses between two attempts at it are cut short. */
export async function runIn(world: ReportWorld, id: string, state: string): Promise<Answer['json']> {
  const until = performance.now() + 50_000;
  for (;;) {
    const { json } = await world.ask('GET', `/api/v3/admin/reports/${id}`);
    if (json.state === state) return json;
    if (performance.now() > until) throw new Error(`the run is ${JSON.stringify(json)}, not ${state}`);
    for (const job of await world.app.get(JobQueues, { strict: false }).of('finance').getDelayed()) {
      // It may have begun by itself in the meantime.
      await job.promote().catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
