/**
 * Streams.BatchAppend: many appends in flight on one call, each named by a correlation id and each answered exactly once.
 * The client throws where nobody catches it when an id is answered twice.
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ProposedEvent } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import { LogDamaged } from '../log/log-damaged.js';
import { OUT_OF_MEMORY } from '../server/request-memory.js';
import type { CallError, ResponseStream } from '../server/response-stream.js';
import { type AppendBounds, type AppendSize, addTo, EVENT_HELD_BYTES, isTooLarge, nameRefusalOf } from './append-limits.js';
import { encodeAppendTooLarge, encodeBadAppend, encodeBatchAnswer, encodeDamaged } from './append-response.js';
import type { BatchAppendOptions, BatchAppendRequest } from './batch-append-request.js';
import { invalidArgument, writeFailureOf } from './call-errors.js';

/** Beyond this, the node stops reading from the connection until commits catch up. */
const BYTES_IN_FLIGHT_MAX = 16 * 1024 * 1024;
/** The same for a client that sends appends and does not read the answers. */
const ANSWERS_UNSENT_MAX = 1024;
/** Of appends of which only some messages have come: waiting would not bring the rest of them, so beyond this the call ends. */
const BYTES_ARRIVING_MAX = 64 * 1024 * 1024;
/** Of a UUID message: the id as text, or as two numbers. */
const CORRELATION_ID_BYTES_MAX = 64;
/** More than any stream has; what is longer is cut, since answers repeat it. */
const STREAM_NAME_KEPT_MAX = 2048;
/** What an append takes in memory beside the bytes that came. */
const APPEND_HELD_BYTES = 1024;

const TOO_MANY_UNFINISHED: CallError = {
  code: status.RESOURCE_EXHAUSTED,
  details: `Appends that are not finished hold more than ${BYTES_ARRIVING_MAX} bytes. Send their final messages first.`,
};

const BAD_CORRELATION_ID = invalidArgument('A correlation id is a UUID.');

interface ArrivingAppend {
  correlationId: Buffer;
  options: BatchAppendOptions;
  readonly events: ProposedEvent[];
  readonly size: AppendSize;
  /** What is kept of it in memory. All that it consists of are views of the messages that came, so that those are kept whole. */
  bytesHeld: number;
  refusal: string | undefined;
}

export function batchAppendEvents(
  log: EventLog,
  { maxAppendSize, memory }: AppendBounds,
  call: ServerDuplexStream<BatchAppendRequest, Buffer>,
  response: ResponseStream,
): void {
  /** Appends of which only some messages have come. */
  const arriving = new Map<string, ArrivingAppend>();
  let bytesArriving = 0;
  let inFlight = 0;
  let bytesInFlight = 0;
  let isEnding = false;
  let isDraining = false;
  // Else 16 messages wait in the stream while it is paused, where nobody counts them. Node has no public word for it.
  (call as unknown as { _readableState: { highWaterMark: number } })._readableState.highWaterMark = 0;
  const holding = memory.holding();
  const hold = (): void => {
    if (!holding.set(bytesArriving + bytesInFlight)) response.fail(OUT_OF_MEMORY);
  };
  /** An append that is in flight will be answered, and then this is asked again. */
  const isToWait = (): boolean => inFlight > 0 && (bytesInFlight > BYTES_IN_FLIGHT_MAX || memory.isScarce);

  call.on('data', (request: BatchAppendRequest) => {
    if (request.correlationId.length > CORRELATION_ID_BYTES_MAX) return response.fail(BAD_CORRELATION_ID);
    const key = request.correlationId.toString('latin1');
    const begun = arriving.get(key);
    const append = begun ?? startOf(request);
    if (!append || response.closed) return;
    if (begun) bytesArriving -= begun.bytesHeld;
    take(append, request);
    bytesArriving += append.bytesHeld;
    if (bytesArriving > BYTES_ARRIVING_MAX) response.fail(TOO_MANY_UNFINISHED);
    else hold();
    if (response.closed) return;
    if (!request.isFinal) {
      arriving.set(key, append);
      return;
    }
    if (begun) arriving.delete(key);
    bytesArriving -= append.bytesHeld;
    complete(append);
  });
  response.onClose(() => {
    arriving.clear();
    bytesArriving = 0;
    hold();
  });
  call.on('end', () => {
    isEnding = true;
    if (inFlight === 0) response.end();
  });

  function take(append: ArrivingAppend, request: BatchAppendRequest): void {
    append.refusal ??= request.refusal;
    append.bytesHeld += request.bytes + request.events.length * EVENT_HELD_BYTES;
    for (const event of request.events) {
      addTo(append.size, event);
      append.events.push(event);
    }
    if (append.refusal || isTooLarge(append.size, maxAppendSize)) dropEvents(append);
  }

  async function complete(append: ArrivingAppend): Promise<void> {
    inFlight++;
    bytesInFlight += append.bytesHeld;
    if (isToWait()) call.pause();
    const answer = await answerTo(append);
    inFlight--;
    bytesInFlight -= append.bytesHeld;
    hold();
    // Without an answer the outcome is unknown, which is what the end of the call tells the client.
    if (!Buffer.isBuffer(answer)) return response.fail(answer);
    response.push(answer);
    if (isEnding && inFlight === 0) return response.end();
    if (call.writableLength > ANSWERS_UNSENT_MAX) call.pause();
    if (call.isPaused()) resumeWhenDrained();
  }

  async function resumeWhenDrained(): Promise<void> {
    if (isDraining) return;
    isDraining = true;
    while (call.writableLength > ANSWERS_UNSENT_MAX && !response.closed) await response.drained();
    isDraining = false;
    if (!isToWait()) call.resume();
  }

  /** An error is one that concerns the whole call. */
  async function answerTo({ correlationId, options, events, size, refusal }: ArrivingAppend): Promise<Buffer | CallError> {
    if (Date.now() > options.deadlineMs) return encodeBatchAnswer(correlationId, options, { kind: 'deadline_exceeded' });
    const reason = refusal ?? nameRefusalOf(options.streamName);
    if (reason) return encodeBadAppend(correlationId, options, reason);
    if (isTooLarge(size, maxAppendSize)) return encodeAppendTooLarge(correlationId, options, maxAppendSize);
    try {
      return encodeBatchAnswer(correlationId, options, await log.append({ ...options, events }));
    } catch (error) {
      return error instanceof LogDamaged ? encodeDamaged(correlationId, options, error.message) : writeFailureOf(error);
    }
  }
}

/** An append begins with the message that carries its options. */
function startOf({ correlationId, options }: BatchAppendRequest): ArrivingAppend | undefined {
  if (!options) return undefined;
  const size = { dataBytes: 0, bytes: 0 };
  const streamName = options.streamName.subarray(0, STREAM_NAME_KEPT_MAX);
  return {
    correlationId,
    options: { ...options, streamName },
    events: [],
    size,
    bytesHeld: APPEND_HELD_BYTES,
    refusal: undefined,
  };
}

/** What is refused anyway is not kept; only what its answer says of it. */
function dropEvents(append: ArrivingAppend): void {
  const { correlationId, options, events } = append;
  events.length = 0;
  append.correlationId = Buffer.from(correlationId);
  append.options = { ...options, streamName: Buffer.from(options.streamName) };
  append.bytesHeld = APPEND_HELD_BYTES + correlationId.length + options.streamName.length;
}
