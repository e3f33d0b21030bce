/** Streams.Delete and Streams.Tombstone: a deleted stream may be written again, a tombstoned one never. */
import type { DeleteReq, TombstoneReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { EventLog } from '../log/event-log.js';
import { nameRefusalOf } from './append-limits.js';
import { encodeDeleted } from './append-response.js';
import { invalidArgument, streamDeleted, TIMEOUT, writeFailureOf, wrongExpectedVersion } from './call-errors.js';
import { expectedRevisionOf, NO_EXPECTATION } from './expected-revision.js';

type DeletionRequest = DeleteReq | TombstoneReq;

export async function deleteStream(
  log: EventLog,
  call: ServerUnaryCall<DeletionRequest, Buffer>,
  callback: sendUnaryData<Buffer>,
  isTombstone: boolean,
): Promise<void> {
  const options = call.request.getOptions();
  const streamName = Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []);
  const badName = nameRefusalOf(streamName);
  if (badName || !options) return callback(invalidArgument(badName ?? 'A deletion needs options.'));
  const expectedRevision = expectedRevisionOf(options);
  if (expectedRevision === undefined) return callback(invalidArgument(NO_EXPECTATION));
  try {
    const outcome = await log.delete({ streamName, expectedRevision, isTombstone, deadlineMs: Number(call.getDeadline()) });
    switch (outcome.kind) {
      case 'appended':
        return callback(null, encodeDeleted(outcome.position));
      case 'wrong_expected_revision':
        return callback(wrongExpectedVersion('Delete', streamName, expectedRevision, outcome.currentRevision));
      case 'stream_deleted':
        return callback(streamDeleted(streamName));
      case 'deadline_exceeded':
        return callback(TIMEOUT);
    }
  } catch (error) {
    callback(writeFailureOf(error));
  }
}
