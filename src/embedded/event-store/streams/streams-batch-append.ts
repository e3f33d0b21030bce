/**
 * Streams.BatchAppend: many appends in flight on one call, each named by a correlation id and each answered exactly once.
 * The client throws where nobody catches it when an id is answered twice.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ProposedEvent } from '../log/event-block.js';
import type { EventLog } from '../log/event-log.js';
import type { ResponseStream } from '../server/response-stream.js';
import { type AppendSize, addTo, isTooLarge, refusalOf } from './append-limits.js';
import { encodeAppendTooLarge, encodeBadAppend, encodeBatchAnswer } from './append-response.js';
import type { BatchAppendOptions, BatchAppendRequest } from './batch-append-request.js';
import { writeFailureOf } from './call-errors.js';

/** Beyond this, the node stops reading from the connection until commits catch up. */
const BYTES_IN_FLIGHT_MAX = 16 * 1024 * 1024;
/** The same for a client that sends appends and does not read the answers. */
const ANSWERS_UNSENT_MAX = 1024;

interface ArrivingAppend {
  readonly correlationId: Buffer;
  readonly options: BatchAppendOptions;
  readonly events: ProposedEvent[];
  readonly size: AppendSize;
  refusal: string | undefined;
}

export function batchAppendEvents(
  log: EventLog,
  maxAppendSize: number,
  call: ServerDuplexStream<BatchAppendRequest, Buffer>,
  response: ResponseStream,
): void {
  /** Appends of which only some messages have come. */
  const arriving = new Map<string, ArrivingAppend>();
  let inFlight = 0;
  let bytesInFlight = 0;
  let isEnding = false;
  let isDraining = false;

  call.on('data', (request: BatchAppendRequest) => {
    const key = request.correlationId.toString('latin1');
    const append = arriving.get(key) ?? startOf(request);
    if (!append) return;
    take(append, request);
    if (!request.isFinal) {
      arriving.set(key, append);
      return;
    }
    arriving.delete(key);
    complete(append);
  });
  call.on('end', () => {
    isEnding = true;
    if (inFlight === 0) response.end();
  });

  function take(append: ArrivingAppend, request: BatchAppendRequest): void {
    append.refusal ??= request.refusal;
    for (const event of request.events) {
      addTo(append.size, event);
      // What is refused anyway is not kept.
      if (isTooLarge(append.size, maxAppendSize)) append.events.length = 0;
      else append.events.push(event);
    }
  }

  async function complete(append: ArrivingAppend): Promise<void> {
    inFlight++;
    bytesInFlight += append.size.bytes;
    if (bytesInFlight > BYTES_IN_FLIGHT_MAX) call.pause();
    const answer = await answerTo(append).catch(writeFailureOf);
    inFlight--;
    bytesInFlight -= append.size.bytes;
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
    if (bytesInFlight <= BYTES_IN_FLIGHT_MAX) call.resume();
  }

  async function answerTo({ correlationId, options, events, size, refusal }: ArrivingAppend): Promise<Buffer> {
    if (Date.now() > options.deadlineMs) return encodeBatchAnswer(correlationId, options, { kind: 'deadline_exceeded' });
    const reason = refusal ?? refusalOf(options.streamName, events);
    if (reason) return encodeBadAppend(correlationId, options, reason);
    if (isTooLarge(size, maxAppendSize)) return encodeAppendTooLarge(correlationId, options, maxAppendSize);
    return encodeBatchAnswer(correlationId, options, await log.append({ ...options, events }));
  }
}

/** An append begins with the message that carries its options. */
function startOf({ correlationId, options }: BatchAppendRequest): ArrivingAppend | undefined {
  return options && { correlationId, options, events: [], size: { dataBytes: 0, bytes: 0 }, refusal: undefined };
}
