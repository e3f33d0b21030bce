import { Gauge, type Registry } from 'prom-client';
import type { Projections } from './projections.js';

/** Tells Prometheus how many streams each projection has stopped: anything above zero is for somebody to look at. */
export function measureStoppedStreams(projections: Projections, registry: Registry): void {
  new Gauge({
    name: 'projection_stopped_streams',
    help: 'Streams that a projection cannot fold on, as far as this process has led it',
    labelNames: ['projection'],
    registers: [registry],
    collect() {
      for (const { name, stoppedStreams = 0 } of projections.statuses()) this.set({ projection: name }, stoppedStreams);
    },
  });
}
