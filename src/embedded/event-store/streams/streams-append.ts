/** Streams.Append: one append per call, its events one message each. The client takes this way when it sends credentials. */
import type { AppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { ProposedEvent } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import type { CallError } from '../server/response-stream.js';
import { parseUuid } from '../server/uuid.js';
import { addTo, isTooLarge, refusalOf } from './append-limits.js';
import { encodeAppendConflict, encodeAppended } from './append-response.js';
import { appendTooLarge, invalidArgument, streamDeleted, TIMEOUT, writeFailureOf } from './call-errors.js';
import { expectedRevisionOf } from './expected-revision.js';

export function appendEvents(
  log: EventLog,
  maxAppendSize: number,
  call: ServerReadableStream<AppendReq, Buffer>,
  callback: sendUnaryData<Buffer>,
): void {
  let options: AppendReq.Options | undefined;
  const size = { dataBytes: 0, bytes: 0 };
  let isRefused = false;
  const events: ProposedEvent[] = [];
  // At once: a client may send without end.
  const refuse = (refusal: CallError): void => {
    isRefused = true;
    callback(refusal);
  };
  call.on('data', (message: AppendReq) => {
    options ??= message.getOptions();
    const proposed = message.getProposedMessage();
    if (!proposed || isRefused) return;
    const event = toEvent(proposed);
    if (typeof event === 'string') return refuse(invalidArgument(event));
    addTo(size, event);
    if (isTooLarge(size, maxAppendSize)) return refuse(appendTooLarge(maxAppendSize));
    events.push(event);
  });
  call.on('end', async () => {
    if (isRefused) return;
    const streamName = Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []);
    const refusal = refusalOf(streamName, events);
    if (refusal || !options) return refuse(invalidArgument(refusal ?? 'An append needs options.'));
    const expectedRevision = expectedRevisionOf(options);
    try {
      const outcome = await log.append({ streamName, expectedRevision, events, deadlineMs: Number(call.getDeadline()) });
      switch (outcome.kind) {
        case 'appended':
          return callback(null, encodeAppended(outcome.revision, outcome.position));
        case 'wrong_expected_revision':
          return callback(null, encodeAppendConflict(expectedRevision, outcome.currentRevision));
        case 'stream_deleted':
          return callback(streamDeleted(streamName));
        case 'deadline_exceeded':
          return callback(TIMEOUT);
      }
    } catch (error) {
      callback(writeFailureOf(error));
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
    // Copies: a view would keep the whole message, of which nothing else is counted.
    metadata: Buffer.from(message.getCustomMetadata_asU8()),
    data: Buffer.from(message.getData_asU8()),
  };
}
