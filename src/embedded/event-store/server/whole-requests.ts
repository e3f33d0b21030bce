/**
 * grpc-js takes the end of an HTTP/2 stream for the end of the request, also where the client cancelled or its connection broke,
 * and tells that the call was cancelled only later. A request that is read to its end would then be carried out in part. Nor does
 * it mind an end in the middle of a message.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { CallError } from './response-stream.js';

/** grpc-js's own parts of a call. They are private, and it has no other word for what they tell. */
interface CallParts {
  readonly stream: ServerHttp2Stream;
  readonly decoder: { readonly readState: number };
}

/** The decoder is between two messages. */
const NO_DATA = 0;

const UNFINISHED: CallError = { code: status.INTERNAL, details: 'The request ends in the middle of a message.' };

/** Calls of many messages that get one answer never see the end of a request that was cut off. To be the first interceptor. */
export const wholeRequests: ServerInterceptor = ({ requestStream, responseStream }, call) => {
  if (!requestStream || responseStream) return new ServerInterceptingCall(call);
  const { stream, decoder } = call as unknown as CallParts;
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveHalfClose: (proceed) => {
          if (stream.aborted) return;
          if (decoder.readState === NO_DATA) proceed();
          else call.sendStatus(UNFINISHED);
        },
      }),
  });
};
