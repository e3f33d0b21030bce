import { instantToText } from '../../src/kernel/time.js';
import type { ProjectionReport } from './projection-report.js';

/** A report as JSON says it: positions are decimal text, as everywhere. */
export const reportJson = (report: ProjectionReport) => ({
  name: report.name,
  version: report.version,
  position: report.position.toString(),
  head_position: report.headPosition.toString(),
  lag_ms: report.lagMs,
  led: report.isLed,
  updated_at: report.updatedAt === undefined ? null : instantToText(report.updatedAt),
  last_event: report.lastEvent
    ? { id: report.lastEvent.id, stream: report.lastEvent.stream, revision: report.lastEvent.revision.toString() }
    : null,
  stopped_streams_total: report.stopped.total,
  stopped_streams: report.stopped.streams.map(({ stream, revision, eventType, position, where, stoppedAt }) => ({
    stream,
    revision: revision.toString(),
    type: eventType,
    position: position.toString(),
    where,
    stopped_at: instantToText(stoppedAt),
  })),
  previous_build: report.hasPrevious,
  rebuild_begun: report.hasRebuild,
});
