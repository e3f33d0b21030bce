/**
 * A provider that speaks Anthropic's Messages over real sockets, refuses what Anthropic refuses, and does to each call what a script
 * says. Its log holds what it reported as usage and how each call ended, so that a test can recompute the money from it.
 *
 * The script is `behaviour(body, index)` laid over directives in the last user message: `[[cut-after=3 status=529]]`. Nothing here
 * sleeps.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import { type AnthropicBehaviour, type Frame, framesOf, messageOf, usageOf } from './fake-anthropic-answer.js';
import { type MessagesRequest, refusalOf } from './fake-anthropic-rules.js';

export type { AnthropicBehaviour, MessagesRequest };

export interface AnthropicCall {
  index: number;
  id: string;
  requestBody: MessagesRequest;
  headers: IncomingHttpHeaders;
  status: number | undefined;
  /** The figures that went out, those of the end laid over those of the start; null when none did. */
  usage: Record<string, unknown> | null;
  /** Deltas that went out. */
  deltasSent: number;
  endedBy: 'open' | 'complete' | 'client_gone' | 'cut';
  /** Settles when endedBy is final. */
  ended: Promise<AnthropicCall>;
}

export interface FakeAnthropic {
  /** A bare origin, as ANTHROPIC_BASE_URL wants. */
  url: string;
  calls: AnthropicCall[];
  /** The call of this index, as soon as its request has been read. */
  call(index: number): Promise<AnthropicCall>;
  close(): Promise<void>;
}

export interface FakeAnthropicOptions {
  apiKey?: string;
  behaviour?: (body: MessagesRequest, index: number) => AnthropicBehaviour | undefined;
}

const ERRORS: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export async function startFakeAnthropic({ apiKey, behaviour }: FakeAnthropicOptions = {}): Promise<FakeAnthropic> {
  const calls: AnthropicCall[] = [];
  const awaited = new Map<number, ReturnType<typeof deferred<AnthropicCall>>>();
  const server = createServer(async (request, response) => {
    const requestBody = await bodyOf(request).catch(() => undefined);
    if (requestBody === undefined) return response.destroy();
    const { call, end } = openCall(calls.length, requestBody, request, response);
    calls.push(call);
    awaited.get(call.index)?.resolve(call);
    try {
      const refused = refusalOfHead(request, apiKey) ?? refusalOfBody(requestBody);
      if (refused) return refuse(response, call, ...refused);
      const script = { ...parseDirectives(lastUserText(requestBody)), ...behaviour?.(requestBody, call.index) };
      await play(script, call, () => end('cut'), request, response);
    } catch (error) {
      // A mistake in the script, not a behaviour: said in the body, where a failing test shows it.
      if (response.headersSent) response.destroy();
      else refuse(response, call, 500, `fake Anthropic: ${error}`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    call(index) {
      const arrived = calls[index];
      if (arrived !== undefined) return Promise.resolve(arrived);
      const waiting = awaited.get(index) ?? deferred<AnthropicCall>();
      awaited.set(index, waiting);
      return waiting.promise;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function openCall(index: number, requestBody: MessagesRequest, request: IncomingMessage, response: ServerResponse) {
  const { promise: ended, resolve } = deferred<AnthropicCall>();
  const call: AnthropicCall = {
    ...{ index, id: `msg_fake${index}`, requestBody, headers: request.headers, status: undefined },
    ...{ usage: null, deltasSent: 0, endedBy: 'open' as const, ended },
  };
  const end = (how: Exclude<AnthropicCall['endedBy'], 'open'>) => {
    if (call.endedBy !== 'open') return;
    call.endedBy = how;
    resolve(call);
  };
  response.on('finish', () => end('complete'));
  response.on('close', () => end('client_gone'));
  return { call, end };
}

type Refusal = [status: number, message: string];

function refusalOfHead({ method, url, headers }: IncomingMessage, apiKey: string | undefined): Refusal | undefined {
  if (method !== 'POST' || url !== '/v1/messages') return [404, 'Not found'];
  if (headers['x-api-key'] === undefined) return [401, 'x-api-key header is required'];
  if (apiKey !== undefined && headers['x-api-key'] !== apiKey) return [401, 'invalid x-api-key'];
  if (headers['anthropic-version'] === undefined) return [400, 'anthropic-version: header is required'];
  if (headers['anthropic-version'] !== '2023-06-01') return [400, 'anthropic-version: is not a valid version'];
  return undefined;
}

function refusalOfBody(body: MessagesRequest): Refusal | undefined {
  const message = refusalOf(body);
  return message === undefined ? undefined : [400, message];
}

function refuse(response: ServerResponse, call: AnthropicCall, status: number, message: string): void {
  call.status = status;
  const error = { type: ERRORS[status] ?? 'api_error', message };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ type: 'error', error, request_id: `req_fake${call.index}` }));
}

async function play(
  behaviour: AnthropicBehaviour,
  call: AnthropicCall,
  cut: () => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new Promise<'gone'>((resolve) => response.on('close', () => resolve('gone')));
  const clientStays = async (wait: Promise<unknown> | undefined) =>
    wait === undefined || (await Promise.race([wait, gone])) !== 'gone';
  if (!(await clientStays(behaviour.beforeHeaders))) return;
  if (behaviour.retryAfter !== undefined) response.setHeader('retry-after', behaviour.retryAfter);
  if (behaviour.status !== undefined && behaviour.body === undefined) {
    return refuse(response, call, behaviour.status, `Failed with ${behaviour.status}`);
  }
  call.status = behaviour.status ?? 200;
  if (behaviour.body !== undefined || call.requestBody.stream !== true) {
    if (behaviour.body === undefined && behaviour.omitUsage !== true) call.usage = usageOf(behaviour);
    response.writeHead(call.status, { 'content-type': 'application/json' });
    response.end(behaviour.body ?? JSON.stringify(messageOf(behaviour, { id: call.id, model: call.requestBody.model })));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const frames = framesOf(behaviour, { id: call.id, model: call.requestBody.model });
  for (const write of writesOf(frames, behaviour)) {
    if (write.frames.some(({ isDelta }) => isDelta)) {
      if (!(await clientStays(behaviour.beforeDelta?.(call.deltasSent)))) return;
    }
    for (const [number, piece] of write.pieces.entries()) {
      // Two turns of the loop let a reader in this process take the previous piece by itself.
      for (let turn = 0; number > 0 && turn < 2; turn++) await immediate();
      if (!response.write(piece) && !(await clientStays(new Promise((resolve) => response.once('drain', resolve))))) return;
    }
    for (const { isDelta, usage } of write.frames) {
      if (isDelta) call.deltasSent++;
      if (usage !== undefined) call.usage = { ...usage };
    }
  }
  if (behaviour.cutAfter === undefined) response.end();
  else
    response.write('', () => {
      cut();
      request.socket.destroy();
    });
}

/** One write an event; the whole body where it is cut at given bytes. */
function writesOf(frames: Frame[], { lineEnd, splitAt, bytesPerWrite }: AnthropicBehaviour) {
  const groups = splitAt === undefined && bytesPerWrite === undefined ? frames.map((frame) => [frame]) : [frames];
  return groups.map((group) => {
    const text = group.map((frame) => frame.text).join('');
    const bytes = Buffer.from(lineEnd === '\r\n' ? text.replaceAll('\n', '\r\n') : text);
    const steps = Array.from({ length: bytesPerWrite ? Math.ceil(bytes.length / bytesPerWrite) : 0 }, (_, at) => at);
    const edges = [0, ...steps.map((at) => at * (bytesPerWrite ?? 0)), ...(splitAt ?? []), bytes.length]
      .filter((edge) => edge <= bytes.length)
      .sort((a, b) => a - b);
    const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
    return { frames: group, pieces: pieces.filter((piece) => piece.length > 0) };
  });
}

/** The words that a prompt may hold between double brackets. An unknown one throws, so that no test passes by a typo. */
const DIRECTIVES: Record<string, (value: string) => AnthropicBehaviour> = {
  chunks: (count) => ({ text: Array<string>(Number(count)).fill('word ') }),
  think: (count) => ({ thinking: [Array<string>(Number(count)).fill('hmm ')] }),
  tools: () => ({ toolCalls: [{ name: 'get_weather', input: { city: 'Zürich' } }] }),
  stop: (stopReason) => ({ stopReason }),
  status: (status) => ({ status: Number(status) }),
  'retry-after': (retryAfter) => ({ retryAfter }),
  'cut-after': (count) => ({ cutAfter: Number(count) }),
  'error-after': (count) => ({ errorAfter: Number(count) }),
  'no-usage': () => ({ omitUsage: true }),
  'no-stop': () => ({ omitStop: true }),
  bytes: (count) => ({ bytesPerWrite: Number(count) }),
};

function parseDirectives(text: string): AnthropicBehaviour {
  const words = /\[\[(.*?)\]\]/s.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const parts = words.map((word) => {
    const [name = '', value = ''] = word.split('=');
    const directive = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
    if (directive === undefined) throw new Error(`unknown directive: ${word}`);
    return directive(value);
  });
  return Object.assign({}, ...parts) as AnthropicBehaviour;
}

function lastUserText({ messages }: MessagesRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  return typeof content === 'string' ? content : content.map((block) => String(block['text'] ?? '')).join('');
}

async function bodyOf(request: IncomingMessage): Promise<MessagesRequest> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString());
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
