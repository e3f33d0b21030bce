import { Controller, Get, Header } from '@nestjs/common';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { EventStore } from '../event-store/event-store.js';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The measurements of this process. */
export class Metrics {
  readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the request to the end of its answer',
    labelNames: ['route', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  constructor(store: EventStore) {
    collectDefaultMetrics({ register: this.registry });
    this.counter('event_store_appends_total', 'Appends acknowledged by the event store', () => store.counters.appends);
    this.counter('event_store_events_appended_total', 'Events in those appends', () => store.counters.events);
  }

  request(route: string, status: number, seconds: number): void {
    this.requests.observe({ route, status }, seconds);
  }

  private counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
}

@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  /** Prometheus' text format. */
  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  async read(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
