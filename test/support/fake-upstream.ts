/**
 * A provider that speaks OpenAI's chat completions and embeddings and does to each call what a script says: the outside oracle of
 * the tests. Its log holds what it reported and how each call ended, so that a test can recompute the money from it. It refuses
 * what the real ones refuse (upstream-rules.ts), unless its script lets it fail in another way.
 *
 * The script is either `behaviour(body, index)` or directives in the last user message: `[[chunks=50 cut-after=3]]`.
 * Nothing here sleeps: a test holds an answer back with `gate()` and waits for `call(index)` and `ended`.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { type Answer, jsonAnswer, streamAnswer, usageOf } from '../../bench/upstream/answer.js';
import { type Behaviour, parseDirectives } from '../../bench/upstream/behaviour.js';
import { embeddingsObject, errorObject } from '../../bench/upstream/openai-wire.js';
import { refusalOf } from './upstream-rules.js';

export type { Behaviour };

export interface ChatRequest {
  model: string;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  messages: { role: string; content: string | { type: string; text?: string }[] }[];
  [field: string]: unknown;
}

export interface Call {
  index: number;
  /** The id in its answer, `chatcmpl-fake…`. */
  id: string;
  model: string;
  stream: boolean;
  requestBody: ChatRequest;
  headers: IncomingHttpHeaders;
  status: number | undefined;
  /** Exactly the `usage` object that went out; null when none did. */
  usage: Record<string, unknown> | null;
  /** Content deltas that went out whole; for a JSON answer 1 once the body did. */
  chunksSent: number;
  endedBy: 'open' | 'complete' | 'client_gone' | 'cut' | 'refused';
  /** Settles when endedBy is final. A call kept silent ends when the client goes. */
  ended: Promise<Call>;
}

/** A call for embeddings. */
export interface EmbeddingCall {
  requestBody: Record<string, unknown>;
  headers: IncomingHttpHeaders;
  status: number;
  /** Exactly the `usage` object that went out; null when none did. */
  usage: Record<string, unknown> | null;
}

export interface FakeUpstream {
  /** What OPENAI_BASE_URL wants. */
  url: string;
  port: number;
  /** Every call in the order of arrival. */
  calls: Call[];
  /** Calls for embeddings. Directives in the first text: `[[status=500]]`, `[[prompt=7]]`, `[[no-usage]]`. */
  embeddingCalls: EmbeddingCall[];
  /** The call of this index, as soon as its request has been read. */
  call(index: number): Promise<Call>;
  /** Cuts what is open; the port then refuses connections. */
  close(): Promise<void>;
}

export interface FakeUpstreamOptions {
  port?: number;
  /** Laid over the directives of the call. */
  behaviour?: (body: ChatRequest, index: number) => Behaviour | undefined;
}

/** A promise that the test opens. */
export function gate(): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = deferred<void>();
  return { opened: promise, open: resolve };
}

export async function startFakeUpstream(options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
  const calls: Call[] = [];
  const embeddingCalls: EmbeddingCall[] = [];
  const awaited = new Map<number, ReturnType<typeof deferred<Call>>>();

  const server = createServer(async (request, response) => {
    const body = await readBody(request).catch(() => undefined);
    if (body === undefined) return;
    if (request.method === 'POST' && request.url === '/v1/embeddings') {
      embeddingCalls.push(answerEmbeddings(parseBody(body) ?? {}, request, response));
      return;
    }
    const ours = request.method === 'POST' && request.url === '/v1/chat/completions';
    const requestBody = parseBody(body);
    if (!ours || requestBody === undefined) {
      const status = ours ? 400 : 404;
      sendJson(response, status, errorObject(status));
      return;
    }
    const { call, end } = openCall(calls.length, requestBody, request, response);
    calls.push(call);
    awaited.get(call.index)?.resolve(call);
    try {
      const behaviour = { ...parseDirectives(lastUserText(requestBody)), ...options.behaviour?.(requestBody, call.index) };
      await play(behaviour, call, end, request, response);
    } catch (error) {
      // A mistake in the script, not a behaviour: said in the body, where a failing test shows it.
      if (!response.headersSent)
        sendJson(response, 500, { error: { message: `fake upstream: ${error}`, type: 'script', code: null } });
      else response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    calls,
    embeddingCalls,
    call(index) {
      const arrived = calls[index];
      if (arrived !== undefined) return Promise.resolve(arrived);
      const waiting = awaited.get(index) ?? deferred<Call>();
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

type End = (how: Exclude<Call['endedBy'], 'open'>) => void;

function openCall(index: number, requestBody: ChatRequest, request: IncomingMessage, response: ServerResponse) {
  const { promise: ended, resolve } = deferred<Call>();
  const call: Call = {
    index,
    id: `chatcmpl-fake${String(index).padStart(8, '0')}`,
    model: requestBody.model,
    stream: requestBody.stream === true,
    requestBody,
    headers: request.headers,
    status: undefined,
    usage: null,
    chunksSent: 0,
    endedBy: 'open',
    ended,
  };
  const end: End = (how) => {
    if (call.endedBy !== 'open') return;
    call.endedBy = how;
    resolve(call);
  };
  response.on('finish', () => end('complete'));
  response.on('close', () => end('client_gone'));
  return { call, end };
}

async function play(behaviour: Behaviour, call: Call, end: End, request: IncomingMessage, response: ServerResponse) {
  const gone = new Promise<'gone'>((resolve) => response.on('close', () => resolve('gone')));
  const clientStays = async (wait: Promise<unknown> | undefined) =>
    wait === undefined || (await Promise.race([wait, gone])) !== 'gone';
  const abort = (how: 'cut' | 'refused') => {
    end(how);
    request.socket.destroy();
  };

  if (behaviour.refuse === true) return abort('refused');
  if (behaviour.silent === 'before_headers') return;
  if (!(await clientStays(behaviour.beforeHeaders))) return;

  const refusal = behaviour.status === undefined && behaviour.body === undefined ? refusalOf(call.requestBody) : undefined;
  call.status = behaviour.status ?? (refusal === undefined ? 200 : 400);
  if (behaviour.retryAfter !== undefined) response.setHeader('retry-after', behaviour.retryAfter);
  response.setHeader('x-request-id', `req_fake${call.index}`);
  if (call.status !== 200 || behaviour.body !== undefined) {
    response.writeHead(call.status, { 'content-type': behaviour.contentType ?? 'application/json' });
    response.end(behaviour.body ?? JSON.stringify(refusal ? { error: refusal } : errorObject(call.status), null, 2));
    return;
  }

  const envelope = {
    id: call.id,
    model: call.model,
    dialect: behaviour.dialect ?? 'openai',
    includeUsage: call.requestBody.stream_options?.include_usage === true,
  };
  const usage = usageOf(behaviour, call.index);
  const pause = () => (behaviour.delayMs === undefined ? undefined : delay(behaviour.delayMs, undefined, { ref: false }));
  let answer: Answer;
  if (call.stream) {
    answer = streamAnswer(behaviour, envelope, usage);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  } else {
    if (!(await clientStays(pause()))) return;
    const json = jsonAnswer(behaviour, envelope, usage);
    answer = json;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length });
  }
  response.flushHeaders();
  if (behaviour.silent === 'after_headers') return;

  let deltasLeft = answer.writes.reduce((sum, { deltas }) => sum + deltas, 0);
  for (const [index, write] of answer.writes.entries()) {
    if (write.firstDelta !== undefined && !(await clientStays(behaviour.beforeChunk?.(write.firstDelta)))) return;
    const atEnd = call.stream ? deltasLeft === 0 : index === 1;
    if (atEnd && !(await clientStays(behaviour.beforeEnd))) return;
    if (call.stream && index > 0 && !(await clientStays(pause()))) return;
    for (const [number, piece] of write.pieces.entries()) {
      // Two turns of the loop let a reader in this process take the previous piece by itself.
      for (let turn = 0; number > 0 && turn < 2; turn++) await immediate();
      // A reader that stalls must stall the provider too, else a test of back-pressure would test nothing.
      if (!response.write(piece) && !(await clientStays(new Promise((resolve) => response.once('drain', resolve))))) return;
    }
    deltasLeft -= write.deltas;
    call.chunksSent += write.deltas;
    if (write.usage) call.usage = usage;
  }
  if (answer.ending === 'complete') response.end();
  else if (answer.ending === 'cut') response.write('', () => abort('cut'));
}

/** Each vector begins with the number of characters of its text, or of tokens; they come in reverse, by index alone. */
function answerEmbeddings(
  requestBody: Record<string, unknown>,
  { headers }: IncomingMessage,
  response: ServerResponse,
): EmbeddingCall {
  const inputs = [requestBody['input']].flat() as (string | readonly number[])[];
  const { status = 200, usage, usageReports } = parseDirectives(String(inputs[0]));
  const promptTokens = usage?.promptTokens ?? inputs.reduce((sum, { length }) => sum + Math.ceil(length / 4), 0);
  const told = status === 200 && usageReports !== 0 ? { prompt_tokens: promptTokens, total_tokens: promptTokens } : null;
  const dimensions = Number(requestBody['dimensions'] ?? 3);
  const vectors = inputs.map(({ length }) => [length, ...Array<number>(dimensions - 1).fill(-0.5)]);
  sendJson(
    response,
    status,
    status === 200 ? embeddingsObject(String(requestBody['model']), vectors, told) : errorObject(status),
  );
  return { requestBody, headers, status, usage: told };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

function parseBody(text: string): ChatRequest | undefined {
  try {
    return JSON.parse(text) as ChatRequest;
  } catch {
    return undefined;
  }
}

function lastUserText({ messages = [] }: ChatRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  return typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('');
}

const sendJson = (response: ServerResponse, status: number, body: object) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

function deferred<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
