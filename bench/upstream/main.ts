/**
 * The providers of the benchmark, in a process of its own: answers OpenAI's, Anthropic's and Gemini's requests by the directives in
 * the prompt, every byte computed once and kept, nothing logged, so that it stays far from being the bottleneck.
 * `node upstream/main.js` sends its port.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseDirectives } from './behaviour.js';
import { type Asked, askedBy, partsOf } from './parts.js';

interface Plan {
  delayMs: number;
  headers: string[];
  /** One for JSON; one per event for a stream. */
  parts: Buffer[];
}

const plans = new Map<string, Plan>();
/** A directive whose answer is made anew for each call: a text that is counted twice is counted but once, from a cache. */
const NEW_EACH_TIME = 'letters=';

function planOf(url: string, body: string): Plan {
  const asked = askedBy(url, body);
  const opening = body.indexOf('[[');
  const directives = opening === -1 ? '' : body.slice(opening, body.indexOf(']]', opening) + 2);
  if (directives.includes(NEW_EACH_TIME)) return prepare(asked, directives);
  const key = `${JSON.stringify(asked)} ${directives}`;
  const plan = plans.get(key) ?? prepare(asked, directives);
  plans.set(key, plan);
  return plan;
}

function prepare(asked: Asked, directives: string): Plan {
  const behaviour = parseDirectives(directives);
  const parts = partsOf(asked, behaviour);
  const headers = asked.stream
    ? ['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache']
    : ['content-type', 'application/json', 'content-length', String(Buffer.concat(parts).length)];
  return { delayMs: behaviour.delayMs ?? 0, headers, parts };
}

function play({ delayMs, headers, parts }: Plan, response: ServerResponse): void {
  if (parts.length > 1) {
    response.writeHead(200, headers);
    stream(parts, delayMs, response);
  } else if (delayMs > 0) setTimeout(() => response.writeHead(200, headers).end(parts[0]), delayMs);
  else response.writeHead(200, headers).end(parts[0]);
}

/** Each event leaves by itself, also back to back: joined in one segment, a burst would cost a relay next to nothing. */
function stream(parts: Buffer[], delayMs: number, response: ServerResponse): void {
  let next = 0;
  const writeNext = () => {
    if (response.destroyed) return clearInterval(timer);
    response.write(parts[next++]);
    if (next === parts.length) {
      clearInterval(timer);
      response.end();
    } else if (delayMs === 0) setImmediate(writeNext);
  };
  const timer = delayMs > 0 ? setInterval(writeNext, delayMs) : undefined;
  writeNext();
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (part: string) => {
    body += part;
  });
  request.on('end', () => play(planOf(request.url ?? '', body), response));
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
