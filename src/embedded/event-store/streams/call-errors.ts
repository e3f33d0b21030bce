/** The statuses that refuse a whole call, in the forms that the client unpacks into its errors: EventStoreDB's RpcExceptions. */
import { Metadata, status } from '@grpc/grpc-js';
import { type ExpectedRevision, NO_STREAM } from '../log/decide-append.js';
import { DiskFull } from '../log/disk-space.js';
import { LogStopped } from '../log/event-log.js';
import { LogDamaged } from '../log/log-damaged.js';
import { type CallError, NODE_CLOSING } from '../server/response-stream.js';
import { FilterRefused } from './event-filter.js';

/** A read meets a stream that is closed for ever. */
export class StreamDeleted extends Error {
  constructor(readonly streamName: Buffer) {
    super(`Event stream '${streamName}' is deleted.`);
  }
}

/** A read meets a stream that is not there, or no more. */
export class StreamNotFound extends Error {
  constructor(readonly streamName: Buffer) {
    super(`Event stream '${streamName}' is not there.`);
  }
}

export function streamDeleted(streamName: Buffer): CallError {
  return {
    code: status.FAILED_PRECONDITION,
    details: `Event stream '${streamName}' is deleted.`,
    metadata: exception('stream-deleted', { 'stream-name': String(streamName) }),
  };
}

export function wrongExpectedVersion(
  operation: string,
  streamName: Buffer,
  expectedRevision: ExpectedRevision,
  currentRevision: number,
): CallError {
  const expected = expectedVersionOf(expectedRevision);
  return {
    code: status.FAILED_PRECONDITION,
    details: `${operation} failed due to WrongExpectedVersion. Stream: ${streamName}, Expected version: ${expected}, Actual version: ${currentRevision}`,
    metadata: exception('wrong-expected-version', {
      'stream-name': String(streamName),
      'expected-version': String(expected),
      'actual-version': String(currentRevision),
    }),
  };
}

export function appendTooLarge(maxAppendSize: number): CallError {
  return {
    code: status.INVALID_ARGUMENT,
    details: `Maximum Append Size of ${maxAppendSize} Exceeded.`,
    metadata: exception('maximum-append-size-exceeded', { 'maximum-append-size': String(maxAppendSize) }),
  };
}

export const invalidArgument = (details: string): CallError => ({ code: status.INVALID_ARGUMENT, details });

export const TIMEOUT: CallError = { code: status.DEADLINE_EXCEEDED, details: 'Timeout' };

/** What a write that rejected is answered: nobody may take it for a refusal by the rules. */
export function writeFailureOf(error: unknown): CallError {
  if (error instanceof LogStopped) return NODE_CLOSING;
  if (error instanceof LogDamaged) return { code: status.DATA_LOSS, details: error.message };
  return { code: status.UNAVAILABLE, details: error instanceof DiskFull ? error.message : `The write failed: ${error}` };
}

/** What a read that threw is answered. */
export function callErrorOf(error: unknown): CallError {
  if (error instanceof StreamDeleted) return streamDeleted(error.streamName);
  if (error instanceof LogDamaged) return { code: status.DATA_LOSS, details: error.message };
  if (error instanceof FilterRefused) return invalidArgument(error.message);
  return { code: status.INTERNAL, details: String(error) };
}

/** The numbers by which EventStoreDB names what is no revision. */
function expectedVersionOf(expected: ExpectedRevision): number {
  if (typeof expected === 'number') return expected;
  return { any: -2, no_stream: NO_STREAM, stream_exists: -4 }[expected];
}

/** Headers are ASCII; where a name is not, the details alone tell it whole. */
function exception(name: string, facts: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  metadata.set('exception', name);
  for (const [key, value] of Object.entries(facts)) metadata.set(key, value.replace(/[^\x20-\x7e]/g, '?'));
  return metadata;
}
