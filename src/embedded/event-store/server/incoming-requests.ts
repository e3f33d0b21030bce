/**
 * What grpc-js does not look at in requests: whether they are whole, and what they cost before they are.
 *
 * It takes the end of an HTTP/2 stream for the end of the request, also where the client cancelled or its connection broke, and tells
 * that the call was cancelled only later. Clients built on Node's HTTP/2 even end a stream properly just before they reset it. A
 * request that is read to its end would then be carried out in part. Nor does grpc-js mind an end in the middle of a message.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { OUT_OF_MEMORY, type RequestMemory } from './request-memory.js';
import type { CallError } from './response-stream.js';
import { afterRoundTrip } from './round-trip.js';

/** grpc-js's own parts of a call. They are private, and it has no other word for what they tell. */
interface CallParts {
  readonly stream: ServerHttp2Stream;
  readonly incomingEncoding: string;
  /** Messages that are whole, and not asked for yet. */
  readonly readQueue: readonly { readonly compressedMessage: Buffer | null }[];
  readonly decoder: {
    readonly readState: number;
    readonly readMessageSize: number;
    readonly readMessageRemaining: number;
    readPartialMessage: Buffer[];
    maxReadMessageLength: number;
  };
}

/** The decoder is between two messages; or has read the length of one, and allows it. */
const NO_DATA = 0;
const READING_MESSAGE = 2;

/** Of a request that is one message: names, and the expressions of a filter. */
const SINGLE_REQUEST_BYTES_MAX = 64 * 1024;
/** A message that has come in part is kept as it came, in pieces. */
const PIECE_BYTES = 256;

const UNFINISHED: CallError = { code: status.INTERNAL, details: 'The request ends in the middle of a message.' };

/** A few bytes could become 17 MiB, on each of many calls, before anybody looks at them. No client of this protocol compresses. */
const COMPRESSED: CallError = {
  code: status.UNIMPLEMENTED,
  details: 'Compressed messages are not read.',
  metadata: new Metadata(),
};
COMPRESSED.metadata?.set('grpc-accept-encoding', 'identity');

/** To be the first interceptor. */
export const incomingRequests =
  (memory: RequestMemory): ServerInterceptor =>
  ({ requestStream, responseStream }, call) => {
    // The end of the stream says that the append is whole. In a batch, each append says so itself.
    const isWholeAtEnd = requestStream && !responseStream;
    const parts = call as unknown as CallParts;
    const { stream, decoder } = parts;
    if (!requestStream) decoder.maxReadMessageLength = SINGLE_REQUEST_BYTES_MAX;
    const holding = memory.holding();
    let isOver = false;
    stream.on('data', () => {
      if (isOver) return;
      tidy(decoder);
      if (!holding.set(bytesHeld(parts))) call.sendStatus(OUT_OF_MEMORY);
    });
    // A stream may stay open for as long as its client likes, also when the call has been answered.
    const drop = (): void => {
      isOver = true;
      decoder.readPartialMessage = [];
      holding.release();
    };
    stream.once('close', drop);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            if (parts.incomingEncoding === 'identity') proceed(metadata);
            else call.sendStatus(COMPRESSED);
          },
          onReceiveMessage: (message, proceed) => {
            if (parts.readQueue.length === 0) holding.set(unfinishedBytes(decoder));
            proceed(message);
          },
          onCancel: drop,
          onReceiveHalfClose: (proceed) => {
            if (decoder.readState !== NO_DATA) call.sendStatus(UNFINISHED);
            else if (isWholeAtEnd) unlessReset(stream, proceed);
            else proceed();
          },
        }),
    });
  };

/** Once for what the client had written, and once for the reset that Node writes only when that has left. */
function unlessReset(stream: ServerHttp2Stream, proceed: () => void): void {
  const { session } = stream;
  if (!session) return;
  const proceedIfWhole = (): void => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted) proceed();
  };
  afterRoundTrip(session, () => afterRoundTrip(session, proceedIfWhole));
}

function bytesHeld({ readQueue, decoder }: CallParts): number {
  let bytes = unfinishedBytes(decoder);
  for (const { compressedMessage } of readQueue) bytes += compressedMessage?.length ?? 0;
  return bytes;
}

function unfinishedBytes(decoder: CallParts['decoder']): number {
  if (decoder.readState !== READING_MESSAGE) return 0;
  return decoder.readMessageSize - decoder.readMessageRemaining + decoder.readPartialMessage.length * PIECE_BYTES;
}

/** The decoder keeps the pieces of a message until the next one begins, and each keeps all that was read from the socket with it. */
function tidy(decoder: CallParts['decoder']): void {
  const pieces = decoder.readPartialMessage;
  const last = pieces.at(-1);
  if (decoder.readState !== READING_MESSAGE) decoder.readPartialMessage = [];
  else if (last && last.length * 2 < last.buffer.byteLength) pieces[pieces.length - 1] = Buffer.from(last);
}
