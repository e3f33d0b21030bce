/**
 * `GET /health/live`, as load balancers and orchestrators ask an EventStoreDB: 204 when it can be used and 503 when not; `?liveCode=200`
 * for those to whom only 200 is healthy. EventStoreDB answers it over HTTP/2 too; here that gets 415, since every HTTP/2 connection
 * is gRPC's, which takes nothing else.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';

const HEADERS_BYTES_MAX = 8 * 1024;
const LIVE = 204;
const NOT_LIVE = 503;

/** Does not listen: connections are given to it, and end after one answer. */
export function healthServer(isLive: () => boolean): Server {
  return createServer({ maxHeaderSize: HEADERS_BYTES_MAX }, (request, response) => {
    response.statusCode = statusOf(request, isLive);
    response.setHeader('connection', 'close').end();
  });
}

function statusOf({ method, url = '' }: IncomingMessage, isLive: () => boolean): number {
  const [path, query] = url.split('?', 2);
  if (path !== '/health/live') return 404;
  if (method !== 'GET' && method !== 'HEAD') return 405;
  return isLive() ? liveCodeOf(query) : NOT_LIVE;
}

function liveCodeOf(query: string | undefined): number {
  const code = new URLSearchParams(query).get('liveCode') ?? '';
  return /^[2-5]\d\d$/.test(code) ? Number(code) : LIVE;
}
