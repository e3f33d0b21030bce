/**
 * What an EventStoreDB answers over HTTP/1.1, as far as the node has it; all else is 404.
 * - `GET /health/live`, as load balancers and orchestrators ask: 204 when it can be used and 503 when not; `?liveCode=200` for those to
 *   whom only 200 is healthy.
 * - `GET /ping`: that there is a node, whatever its state.
 *
 * EventStoreDB answers both over HTTP/2 too; here that gets 415, since every HTTP/2 connection is gRPC's, which takes nothing else.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';

const HEADERS_BYTES_MAX = 8 * 1024;
const LIVE = 204;
const NOT_LIVE = 503;
/** The number names a class of EventStoreDB's and differs between its builds; clients look at the text. */
const PONG = JSON.stringify({ msgTypeId: 0, text: 'Ping request successfully handled' });

interface Answer {
  readonly status: number;
  readonly json?: string;
}

/** Does not listen: connections are given to it, and end after one answer. */
export function plainHttpServer(isLive: () => boolean): Server {
  return createServer({ maxHeaderSize: HEADERS_BYTES_MAX }, (request, response) => {
    const { status, json } = answerTo(request, isLive);
    response.statusCode = status;
    if (json !== undefined) response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('connection', 'close').end(json);
  });
}

function answerTo({ method, url = '' }: IncomingMessage, isLive: () => boolean): Answer {
  const [path, query] = url.split('?', 2);
  if (path !== '/health/live' && path !== '/ping') return { status: 404 };
  if (method !== 'GET' && method !== 'HEAD') return { status: 405 };
  if (path === '/ping') return { status: 200, json: PONG };
  return { status: isLive() ? liveCodeOf(query) : NOT_LIVE };
}

function liveCodeOf(query: string | undefined): number {
  const code = new URLSearchParams(query).get('liveCode') ?? '';
  return /^[2-5]\d\d$/.test(code) ? Number(code) : LIVE;
}
