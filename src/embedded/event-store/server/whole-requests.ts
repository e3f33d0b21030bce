/**
 * grpc-js takes the end of an HTTP/2 stream for the end of the request, also where the client cancelled or its connection broke,
 * and tells that the call was cancelled only later. A request that is read to its end would then be carried out in part.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/** Calls of many messages that get one answer never see the end of a request that was cut off. To be the first interceptor. */
export const wholeRequests: ServerInterceptor = ({ requestStream, responseStream }, call) => {
  if (!requestStream || responseStream) return new ServerInterceptingCall(call);
  // Private to grpc-js, which has no other word for it.
  const { stream } = call as unknown as { readonly stream: ServerHttp2Stream };
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveHalfClose: (proceed) => {
          if (!stream.aborted) proceed();
        },
      }),
  });
};
