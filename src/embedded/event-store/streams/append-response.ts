/** The answers to Append and BatchAppend, in the forms that the client unpacks into its errors. */
import { status } from '@grpc/grpc-js';
import { type ExpectedRevision, NO_STREAM } from '../log/decide-append.js';
import type { WriteOutcome } from '../log/log-writer.js';
import { bytesField, varintField } from '../server/protobuf.js';

const EMPTY = Buffer.alloc(0);

/** What was asked, as far as the answer repeats it. */
export interface AppendQuestion {
  readonly streamName: Buffer;
  readonly expectedRevision: ExpectedRevision;
}

const positions = (position: number): Buffer => Buffer.concat([varintField(1, position), varintField(2, position)]);

/** Success has the same numbers in both services: revision 1, no stream 2, position 3, no position 4. */
function encodeSuccess(revision: number, position: number | undefined): Buffer {
  return Buffer.concat([
    revision === NO_STREAM ? bytesField(2, EMPTY) : varintField(1, revision),
    position === undefined ? bytesField(4, EMPTY) : bytesField(3, positions(position)),
  ]);
}

/** A oneof of the expectation: the field numbers of exact, any, stream exists, no stream. */
function encodeExpected(expected: ExpectedRevision, exact: number, any: number, exists: number, none: number): Buffer {
  if (typeof expected === 'number') return varintField(exact, expected);
  return bytesField({ any, stream_exists: exists, no_stream: none }[expected], EMPTY);
}

function encodeCurrent(revision: number, current: number): Buffer {
  return revision === NO_STREAM ? bytesField(current + 1, EMPTY) : varintField(current, revision);
}

export function encodeAppended(revision: number, position: number | undefined): Buffer {
  return bytesField(1, encodeSuccess(revision, position));
}

/** DeleteResp and TombstoneResp are alike: position 1, no position 2. */
export function encodeDeleted(position: number | undefined): Buffer {
  return position === undefined ? bytesField(2, EMPTY) : bytesField(1, positions(position));
}

export function encodeAppendConflict(expected: ExpectedRevision, currentRevision: number): Buffer {
  return bytesField(2, Buffer.concat([encodeCurrent(currentRevision, 6), encodeExpected(expected, 8, 9, 10, 11)]));
}

export function encodeBatchAnswer(correlationId: Buffer, question: AppendQuestion, outcome: WriteOutcome): Buffer {
  return batchAnswer(correlationId, question, encodeBatchOutcome(question, outcome));
}

export function encodeAppendTooLarge(correlationId: Buffer, question: AppendQuestion, maxAppendSize: number): Buffer {
  const details = encodeStatus(
    status.INVALID_ARGUMENT,
    `Maximum Append Size of ${maxAppendSize} Exceeded.`,
    'MaximumAppendSizeExceeded',
    varintField(1, maxAppendSize),
  );
  return batchAnswer(correlationId, question, details);
}

export function encodeBadAppend(correlationId: Buffer, question: AppendQuestion, reason: string): Buffer {
  const details = encodeStatus(status.INVALID_ARGUMENT, reason, 'BadRequest', bytesField(1, Buffer.from(reason)));
  return batchAnswer(correlationId, question, details);
}

/** Not one of the rules' refusals: this append alone was not written, and those beside it on the call go on. */
export function encodeDamaged(correlationId: Buffer, question: AppendQuestion, reason: string): Buffer {
  return batchAnswer(correlationId, question, encodeStatus(status.DATA_LOSS, reason, 'Unknown', EMPTY));
}

function batchAnswer(correlationId: Buffer, { streamName, expectedRevision }: AppendQuestion, result: Buffer): Buffer {
  return Buffer.concat([
    bytesField(1, correlationId),
    result,
    bytesField(4, bytesField(3, streamName)),
    encodeExpected(expectedRevision, 5, 7, 8, 6),
  ]);
}

function encodeBatchOutcome({ streamName, expectedRevision }: AppendQuestion, outcome: WriteOutcome): Buffer {
  switch (outcome.kind) {
    case 'appended':
      return bytesField(3, encodeSuccess(outcome.revision, outcome.position));
    case 'wrong_expected_revision':
      return encodeStatus(
        status.ALREADY_EXISTS,
        'WrongExpectedVersion',
        'WrongExpectedVersion',
        Buffer.concat([encodeCurrent(outcome.currentRevision, 1), encodeExpected(expectedRevision, 3, 4, 5, 6)]),
      );
    case 'stream_deleted':
      return encodeStatus(status.NOT_FOUND, 'StreamDeleted', 'StreamDeleted', bytesField(1, bytesField(3, streamName)));
    case 'deadline_exceeded':
      return encodeStatus(status.DEADLINE_EXCEEDED, 'Timeout', 'Timeout', EMPTY);
  }
}

/** Field 2 of BatchAppendResp: a google.rpc.Status whose details are an Any of an event_store.client message. */
function encodeStatus(code: number, message: string, detailType: string, detail: Buffer): Buffer {
  const any = Buffer.concat([
    bytesField(1, Buffer.from(`type.googleapis.com/event_store.client.${detailType}`)),
    bytesField(2, detail),
  ]);
  return bytesField(2, Buffer.concat([varintField(1, code), bytesField(2, Buffer.from(message)), bytesField(3, any)]));
}
