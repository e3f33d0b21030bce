/** Streams.Append: one append per call, its events one message each. The client takes this way when it sends credentials. */
import type { AppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import { type ServerReadableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import type { ProposedEvent } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import type { Append } from '../log/log-writer.js';
import { type Holding, OUT_OF_MEMORY } from '../server/request-memory.js';
import type { CallError } from '../server/response-stream.js';
import { parseUuid } from '../server/uuid.js';
import { type AppendBounds, addTo, EVENT_HELD_BYTES, isTooLarge, nameRefusalOf } from './append-limits.js';
import { encodeAppendConflict, encodeAppended } from './append-response.js';
import { appendTooLarge, invalidArgument, streamDeleted, TIMEOUT, writeFailureOf } from './call-errors.js';
import { expectedRevisionOf, NO_EXPECTATION } from './expected-revision.js';
import { proposedEventOf } from './proposed-event.js';

const CANCELLED: CallError = { code: status.CANCELLED, details: 'The client has cancelled the call.' };

export async function appendEvents(
  log: EventLog,
  bounds: AppendBounds,
  call: ServerReadableStream<AppendReq, Buffer>,
  callback: sendUnaryData<Buffer>,
): Promise<void> {
  const holding = bounds.memory.holding();
  const request = await collect(call, bounds.maxAppendSize, holding);
  const answer = 'code' in request ? request : await answerTo(log, request);
  holding.release();
  if (Buffer.isBuffer(answer)) callback(null, answer);
  else callback(answer);
}

/** Resolves with the append when it is whole, or at once with why it is refused: a client may send without end. */
function collect(
  call: ServerReadableStream<AppendReq, Buffer>,
  maxAppendSize: number,
  holding: Holding,
): Promise<Append | CallError> {
  return new Promise((resolve) => {
    let target: Pick<Append, 'streamName' | 'expectedRevision'> | undefined;
    let isSettled = false;
    const size = { dataBytes: 0, bytes: 0 };
    const events: ProposedEvent[] = [];
    const settle = (request: Append | CallError): void => {
      if (isSettled) return;
      isSettled = true;
      if ('code' in request) events.length = 0;
      resolve(request);
    };
    call.on('data', (message: AppendReq) => {
      if (isSettled) return;
      const options = message.getOptions();
      if (options && !target) {
        const streamName = Buffer.from(options.getStreamIdentifier()?.getStreamName_asU8() ?? []);
        const refusal = nameRefusalOf(streamName);
        if (refusal) return settle(invalidArgument(refusal));
        const expectedRevision = expectedRevisionOf(options);
        if (expectedRevision === undefined) return settle(invalidArgument(NO_EXPECTATION));
        target = { streamName, expectedRevision };
      }
      const proposed = message.getProposedMessage();
      if (!proposed) return;
      const event = toEvent(proposed);
      if (typeof event === 'string') return settle(invalidArgument(event));
      addTo(size, event);
      if (isTooLarge(size, maxAppendSize)) return settle(appendTooLarge(maxAppendSize));
      events.push(event);
      if (!holding.set(size.bytes + events.length * EVENT_HELD_BYTES)) settle(OUT_OF_MEMORY);
    });
    // Also after the end of every call, when it has been settled.
    call.on('cancelled', () => settle(CANCELLED));
    call.on('end', () => {
      if (target) settle({ ...target, events, deadlineMs: Number(call.getDeadline()) });
      else settle(invalidArgument('An append needs options.'));
    });
  });
}

async function answerTo(log: EventLog, append: Append): Promise<Buffer | CallError> {
  try {
    const outcome = await log.append(append);
    switch (outcome.kind) {
      case 'appended':
        return encodeAppended(outcome.revision, outcome.position);
      case 'wrong_expected_revision':
        return encodeAppendConflict(append.expectedRevision, outcome.currentRevision);
      case 'stream_deleted':
        return streamDeleted(append.streamName);
      case 'deadline_exceeded':
        return TIMEOUT;
    }
  } catch (error) {
    return writeFailureOf(error);
  }
}

function toEvent(message: AppendReq.ProposedMessage): ProposedEvent | string {
  const headers = message.getMetadataMap();
  const bytesOf = (name: string): Buffer | undefined => {
    const value = headers.get(name);
    return value === undefined ? undefined : Buffer.from(value);
  };
  return proposedEventOf({
    id: parseUuid(Buffer.from(message.getId()?.getString() ?? '')),
    type: bytesOf('type'),
    contentType: bytesOf('content-type'),
    // Copies: a view would keep the whole message, of which nothing else is counted.
    metadata: Buffer.from(message.getCustomMetadata_asU8()),
    data: Buffer.from(message.getData_asU8()),
  });
}
