/**
 * Google's Gemini API, as strict as it is: what it would refuse is refused here, in its words. The script is either
 * `behaviour(call)` or directives in the last user message: `[[chunks=50 cut-after=3]]`. Its log holds what it reported and how
 * each call ended. Nothing here sleeps.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as immediate } from 'node:timers/promises';
import { eventsOf, type GeminiBehaviour, googleError, merged, parseDirectives, printed } from './gemini-answer.js';
import { callKey, checkEmbed, checkGenerate, InvalidArgument, type Json } from './gemini-rules.js';

export type { GeminiBehaviour };

export interface GeminiCall {
  readonly index: number;
  /** The `responseId` of its answer. */
  readonly id: string;
  readonly path: string;
  readonly model: string;
  readonly method: string;
  readonly requestBody: Json;
  readonly headers: IncomingHttpHeaders;
  status: number | undefined;
  /** Exactly the last `usageMetadata` that went out; null when none did. */
  usage: Json | null;
  /** Of the answer's body, once all of it is out. */
  bytesSent: number;
  /** Events that went out whole. */
  eventsSent: number;
  endedBy: 'open' | 'complete' | 'client_gone' | 'cut' | 'refused';
  /** Settles when endedBy is final. */
  readonly ended: Promise<GeminiCall>;
}

export interface FakeGemini {
  /** A bare origin. */
  readonly url: string;
  readonly calls: GeminiCall[];
  call(index: number): Promise<GeminiCall>;
  close(): Promise<void>;
}

export interface FakeGeminiOptions {
  /** Keys that are taken; any where absent. */
  readonly keys?: readonly string[];
  /** Laid over the directives of the call. */
  readonly behaviour?: (call: GeminiCall) => GeminiBehaviour | undefined;
}

const KEY_INVALID = {
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason: 'API_KEY_INVALID',
  domain: 'googleapis.com',
  metadata: { service: 'generativelanguage.googleapis.com' },
};

export async function startFakeGemini(options: FakeGeminiOptions = {}): Promise<FakeGemini> {
  const calls: GeminiCall[] = [];
  const awaited = new Map<number, PromiseWithResolvers<GeminiCall>>();
  const given = new Map<string, string>();
  const signatures = new Set<string>();
  const sign = (name: string, args: Json) => {
    const signature = Buffer.from(`signature ${signatures.size} of ${name}`).toString('base64');
    given.set(callKey(name, args), signature);
    signatures.add(signature);
    return signature;
  };

  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const [, model, method] = /^\/v1beta\/models\/([^/:]+):(\w+)(?:\?alt=sse)?$/.exec(request.url ?? '') ?? [];
    const { call, end } = opened(calls.length, request, response, { model: decodeURIComponent(model ?? ''), method, body });
    calls.push(call);
    awaited.get(call.index)?.resolve(call);
    const say = (status: number, error: Json) => {
      call.status = status;
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(error, null, 2));
    };
    try {
      if (!METHODS.has(`${method}${request.url?.endsWith('?alt=sse') ? ' sse' : ''}`))
        return say(404, googleError(404, 'Not found'));
      const key = request.headers['x-goog-api-key'];
      if (key === undefined)
        return say(403, googleError(403, "Method doesn't allow unregistered callers (callers without established identity)."));
      if (options.keys && !options.keys.includes(String(key)))
        return say(400, googleError(400, 'API key not valid. Please pass a valid API key.', [KEY_INVALID]));
      if (method === 'batchEmbedContents') {
        checkEmbed(call.requestBody, call.model);
        return say(200, { embeddings: vectorsFor(call.requestBody) });
      }
      checkGenerate(call.requestBody, call.model, given, signatures);
      const behaviour = { ...parseDirectives(lastUserText(call.requestBody)), ...options.behaviour?.(call) };
      if (behaviour.signature !== undefined) signatures.add(behaviour.signature);
      await play(behaviour, call, end, request, response, /gemini-[3-9]/.test(call.model) ? sign : undefined);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      if (!(error instanceof InvalidArgument)) return say(500, googleError(500, `fake Gemini: ${error}`));
      const violations = [{ field: error.field, description: error.message }];
      say(
        400,
        googleError(400, error.message, [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations }]),
      );
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    call(index) {
      const arrived = calls[index];
      if (arrived !== undefined) return Promise.resolve(arrived);
      const waiting = awaited.get(index) ?? withResolvers<GeminiCall>();
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

const METHODS = new Set(['generateContent', 'streamGenerateContent sse', 'batchEmbedContents']);

type End = (how: Exclude<GeminiCall['endedBy'], 'open'>) => void;
interface Asked {
  readonly model: string;
  readonly method: string | undefined;
  readonly body: Json;
}

function opened(index: number, request: IncomingMessage, response: ServerResponse, { model, method = '', body }: Asked) {
  const { promise: ended, resolve } = withResolvers<GeminiCall>();
  const call: GeminiCall = {
    ...{
      index,
      id: `fake_${index}-response`,
      path: request.url ?? '',
      model,
      method,
      requestBody: body,
      headers: request.headers,
    },
    ...{ status: undefined, usage: null, bytesSent: 0, eventsSent: 0, endedBy: 'open', ended },
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

async function play(
  behaviour: GeminiBehaviour,
  call: GeminiCall,
  end: End,
  request: IncomingMessage,
  response: ServerResponse,
  sign: ((name: string, args: Json) => string) | undefined,
) {
  const gone = new Promise<'gone'>((resolve) => response.on('close', () => resolve('gone')));
  const stays = async (wait: Promise<unknown> | undefined) => wait === undefined || (await Promise.race([wait, gone])) !== 'gone';
  const abort = (how: 'cut' | 'refused') => {
    end(how);
    request.socket.destroy();
  };
  if (behaviour.refuse) return abort('refused');
  if (behaviour.silent === 'before_headers' || !(await stays(behaviour.beforeHeaders))) return;

  call.status = behaviour.status ?? 200;
  if (behaviour.retryAfter !== undefined) response.setHeader('retry-after', behaviour.retryAfter);
  if (call.status !== 200 || behaviour.body !== undefined) {
    response.writeHead(call.status, { 'content-type': 'application/json; charset=UTF-8' });
    return void response.end(behaviour.body ?? JSON.stringify(refusalOf(behaviour, call.status), null, 2));
  }
  const config = (call.requestBody['generationConfig'] ?? {}) as { candidateCount?: number };
  const envelope = {
    responseId: call.id,
    model: call.model,
    callIndex: call.index,
    sign,
    candidateCount: config.candidateCount ?? 1,
  };
  const events = eventsOf(behaviour, envelope);
  const isStream = call.method === 'streamGenerateContent';
  response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json; charset=UTF-8' });
  response.flushHeaders();
  if (behaviour.silent === 'after_headers') return;
  const write = async (text: string) => {
    for (const [number, piece] of cut(Buffer.from(text), behaviour).entries()) {
      // Two turns of the loop let a reader in this process take the previous piece by itself.
      for (let turn = 0; number > 0 && turn < 2; turn++) await immediate();
      call.bytesSent += piece.length;
      if (!response.write(piece) && !(await stays(new Promise((resolve) => response.once('drain', resolve))))) return;
    }
  };
  const usageOf = (event: Json | undefined) => (event?.['usageMetadata'] as Json | undefined) ?? call.usage;
  if (!isStream) {
    const whole = JSON.stringify(merged(events), null, 2);
    if (behaviour.cutAfter !== undefined) return void response.write(whole.slice(0, whole.length >> 1), () => abort('cut'));
    await write(whole);
    call.usage = usageOf(events.at(-1));
    call.eventsSent = 1;
    return void response.end();
  }
  const frame = (event: string) => `data: ${event}\n\n`.replaceAll('\n', behaviour.lineEnd ?? '\n');
  if (behaviour.splitAt !== undefined) {
    await write(events.map((event) => frame(printed(event))).join(''));
    call.usage = usageOf(events.at(-1));
    call.eventsSent = events.length;
    return void response.end();
  }
  for (let sent = 0; sent <= events.length; sent++) {
    if (sent === behaviour.cutAfter) return void response.write('', () => abort('cut'));
    if (sent === behaviour.errorAfter)
      await write(frame(printed(googleError(503, 'The model is overloaded. Please try again later.'))));
    if (sent === behaviour.malformedAfter) await write(frame('{"candidates": [{"conte'));
    if (sent === behaviour.errorAfter) return void response.end();
    const event = events[sent];
    if (event === undefined) break;
    if (!(await stays(behaviour.beforeEvent?.(sent)))) return;
    await write(frame(printed(event)));
    call.usage = usageOf(event);
    call.eventsSent++;
  }
  response.end();
}

function refusalOf({ retryDelay, asList }: GeminiBehaviour, status: number): unknown {
  const details = retryDelay === undefined ? [] : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
  const error = googleError(status, `Google says ${status}.`, details);
  return asList ? [error] : error;
}

function cut(bytes: Buffer, { bytesPerWrite, splitAt }: GeminiBehaviour): Buffer[] {
  const every = bytesPerWrite ?? bytes.length;
  const offsets = splitAt ?? Array.from({ length: Math.ceil(bytes.length / every) }, (_, index) => index * every);
  const edges = [...new Set([0, ...offsets, bytes.length])].filter((edge) => edge <= bytes.length).sort((a, b) => a - b);
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

const vectorsFor = ({ requests }: Json) =>
  (requests as { content: { parts: { text: string }[] }; outputDimensionality?: number }[]).map(
    ({ content, outputDimensionality = 3 }) => ({
      values: Array.from({ length: outputDimensionality }, (_, at) => (content.parts[0]?.text.length ?? 0) + at / 8),
    }),
  );

function lastUserText({ contents }: Json): string {
  const turns = contents as { role?: string; parts: { text?: string }[] }[];
  const turn = turns.findLast(({ role, parts }) => role !== 'model' && parts.some(({ text }) => text !== undefined));
  return turn?.parts.map(({ text = '' }) => text).join('') ?? '';
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as Json;
  } catch {
    return {};
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
