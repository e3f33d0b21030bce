/** What a Read asks for, taken from the generated ReadReq. A read is one small request: the generated class is fast enough. */

import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { NUMBER_MAX } from '../log/event-tables.js';
import { type EventFilter, filterOf } from './event-filter.js';

export interface ReadRequest {
  /** Undefined for $all. */
  readonly streamName: Buffer | undefined;
  /** A revision in a stream, a commit position in $all. */
  readonly from: 'start' | 'end' | number;
  readonly backwards: boolean;
  /** Undefined for a subscription. */
  readonly eventsMax: number | undefined;
  /** Events that link to others are answered together with those. */
  readonly resolveLinks: boolean;
  readonly filter: EventFilter | undefined;
  /** Events that a filtered subscription looks at between two checkpoints; without a filter there are none. */
  readonly checkpointInterval: number;
}

/** What EventStoreDB takes for the search window when the client names none. */
const SEARCH_WINDOW_DEFAULT = 32;

/** @throws FilterRefused */
export function parseReadRequest(request: ReadReq): ReadRequest {
  const options = request.getOptions() ?? new streams.ReadReq.Options();
  const stream = options.getStream();
  const all = options.getAll();
  const start = stream ?? all;
  const position = stream?.hasRevision() ? stream.getRevision() : all?.getPosition()?.getCommitPosition();
  const filter = options.getFilter();
  const from = position === undefined ? undefined : Math.min(Number(position), NUMBER_MAX);
  return {
    streamName: stream && Buffer.from(stream.getStreamIdentifier()?.getStreamName_asU8() ?? []),
    from: from ?? (start?.hasEnd() ? 'end' : 'start'),
    backwards: options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS,
    eventsMax: options.hasSubscription() ? undefined : Number(options.getCount()),
    resolveLinks: options.getResolveLinks(),
    filter: filter && filterOf(filter),
    checkpointInterval: filter ? checkpointIntervalOf(filter) : Number.POSITIVE_INFINITY,
  };
}

function checkpointIntervalOf(filter: ReadReq.Options.FilterOptions): number {
  return (filter.getMax() || SEARCH_WINDOW_DEFAULT) * (filter.getCheckpointintervalmultiplier() || 1);
}
