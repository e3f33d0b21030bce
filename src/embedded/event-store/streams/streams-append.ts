/** Streams.Append: one append per call, its events one message each. The client takes this way when it sends credentials. */
import type { AppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import { Metadata, type ServerReadableStream, type ServiceError, type sendUnaryData, status } from '@grpc/grpc-js';
import type { ExpectedRevision } from '../log/decide-append.js';
import type { ProposedEvent } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import { NODE_CLOSING } from '../server/response-stream.js';
import { parseUuid } from '../server/uuid.js';
import { appendSize, refusalOf } from './append-limits.js';
import { encodeAppendConflict, encodeAppended } from './append-response.js';

export function appendEvents(
  log: EventLog,
  maxAppendSize: number,
  call: ServerReadableStream<AppendReq, Buffer>,
  callback: sendUnaryData<Buffer>,
): void {
  let options: AppendReq.Options | undefined;
  let size = 0;
  let refusal: Partial<ServiceError> | undefined;
  const events: ProposedEvent[] = [];
  call.on('data', (message: AppendReq) => {
    options ??= message.getOptions();
    const proposed = message.getProposedMessage();
    if (!proposed || refusal) return;
    const event = toEvent(proposed);
    if (typeof event === 'string') {
      refusal = { code: status.INVALID_ARGUMENT, details: event };
      return;
    }
    size += appendSize(event);
    if (size > maxAppendSize) refusal = tooLarge(maxAppendSize);
    else events.push(event);
  });
  call.on('end', async () => {
    const streamName = Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []);
    const badName = refusalOf(streamName);
    if (badName) refusal ??= { code: status.INVALID_ARGUMENT, details: badName };
    if (refusal || !options) return callback(refusal ?? { code: status.INVALID_ARGUMENT, details: 'An append needs options.' });
    const expectedRevision = expectedRevisionOf(options);
    try {
      const outcome = await log.append({ streamName, expectedRevision, events, deadlineMs: deadlineOf(call) });
      if (outcome.kind === 'appended') callback(null, encodeAppended(outcome.revision, outcome.position));
      else if (outcome.kind === 'deadline_exceeded') callback({ code: status.DEADLINE_EXCEEDED, details: 'Timeout' });
      else callback(null, encodeAppendConflict(expectedRevision, outcome.currentRevision));
    } catch {
      callback(NODE_CLOSING);
    }
  });
}

function toEvent(message: AppendReq.ProposedMessage): ProposedEvent | string {
  const headers = message.getMetadataMap();
  const id = parseUuid(Buffer.from(message.getId()?.getString() ?? ''));
  const type = headers.get('type');
  if (!id) return 'An event id is not a UUID in text form.';
  if (type === undefined) return 'Required metadata property "type" is missing.';
  return {
    id,
    type: Buffer.from(type),
    isJson: headers.get('content-type') === 'application/json',
    metadata: message.getCustomMetadata_asU8(),
    data: message.getData_asU8(),
  };
}

function expectedRevisionOf(options: AppendReq.Options): ExpectedRevision {
  if (options.hasRevision()) return Number(options.getRevision());
  if (options.hasNoStream()) return 'no_stream';
  return options.hasStreamExists() ? 'stream_exists' : 'any';
}

function deadlineOf(call: { getDeadline(): Date | number }): number {
  return Number(call.getDeadline());
}

function tooLarge(maxAppendSize: number): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set('exception', 'maximum-append-size-exceeded');
  metadata.set('maximum-append-size', String(maxAppendSize));
  return { code: status.INVALID_ARGUMENT, details: `Maximum Append Size of ${maxAppendSize} Exceeded.`, metadata };
}
