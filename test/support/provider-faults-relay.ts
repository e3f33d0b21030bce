/**
 * Stands between the gateway and one strict fake: passes every request on to it as it came, and does to the answer what a script
 * says. So all providers fail in the same ways, byte by byte, and all requests are still refused that a real one would refuse. Its
 * log holds what went out to the gateway and nothing else: the oracle of what can have been served and reported. Nothing here sleeps.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What is done to one answer. `{}` passes it on, event by event. */
export interface Script {
  /** Nothing is answered: the connection is reset, or stays silent. */
  readonly unanswered?: 'reset' | 'silent';
  /** Awaited ahead of the headers. */
  readonly beforeHeaders?: Promise<unknown>;
  /** The events of a stream, each with its blank line, or the one document of an answer at once. */
  readonly edit?: (pieces: readonly string[]) => readonly string[];
  /** So many bytes go out of those that the edit leaves. */
  readonly bytes?: (body: Buffer) => number;
  /** Awaited once the piece of this index, counted from 0, is out. */
  readonly afterPiece?: readonly [index: number, opened: Promise<unknown>];
  /** The body is written in two halves, parted at this byte. */
  readonly partedAt?: (body: Buffer) => number;
  /** How it ends: as HTTP wants it, by closing the connection, or not at all. */
  readonly ending?: 'end' | 'cut' | 'silent';
}

export interface RelayedCall {
  /** The word of the request that names its script. */
  readonly name: string;
  status: number | undefined;
  /** The pieces that went out whole, in order. */
  readonly sent: string[];
  endedBy: 'open' | 'complete' | 'cut' | 'gateway';
  /** Settles when `endedBy` is final. */
  readonly ended: Promise<RelayedCall>;
}

export interface FaultRelay {
  /** In place of the fake's. */
  readonly url: string;
  readonly calls: RelayedCall[];
  callsOf(name: string): RelayedCall[];
  /** The call of this number of a name, from 0, as soon as its request has been read. */
  call(name: string, number?: number): Promise<RelayedCall>;
  close(): Promise<void>;
}

export interface FaultRelayOptions {
  /** The fake's URL, with its path. */
  readonly to: string;
  /** Finds a request's name in its body. */
  readonly nameOf: (body: string) => string;
  /** @param number of the call among those of its name, from 0 */
  readonly scriptOf: (name: string, number: number) => Script | undefined;
}

export async function startFaultRelay({ to, nameOf, scriptOf }: FaultRelayOptions): Promise<FaultRelay> {
  const { origin, pathname } = new URL(to);
  const calls: RelayedCall[] = [];
  const waiting: (() => void)[] = [];
  const callsOf = (name: string) => calls.filter((call) => call.name === name);

  const server = createServer(async (request, response) => {
    const body = await textOf(request).catch(() => undefined);
    if (body === undefined) return;
    const name = nameOf(body);
    const script = scriptOf(name, callsOf(name).length) ?? {};
    const { call, end } = opened(name, response);
    calls.push(call);
    for (const look of waiting.splice(0)) look();
    try {
      await play(script, call, end, response, () => forward(origin + request.url, request, body));
    } catch (error) {
      // A mistake in the script, not a fault: said where a failing test shows it.
      if (!response.headersSent) response.writeHead(500).end(`relay of faults: ${error}`);
      else response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    calls,
    callsOf,
    async call(name, number = 0) {
      for (;;) {
        const call = callsOf(name)[number];
        if (call) return call;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type End = (how: Exclude<RelayedCall['endedBy'], 'open'>) => void;
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

function opened(name: string, response: ServerResponse): { call: RelayedCall; end: End } {
  let tell: (call: RelayedCall) => void = () => undefined;
  const ended = new Promise<RelayedCall>((resolve) => {
    tell = resolve;
  });
  const call: RelayedCall = { name, status: undefined, sent: [], endedBy: 'open', ended };
  const end: End = (how) => {
    if (call.endedBy !== 'open') return;
    call.endedBy = how;
    tell(call);
  };
  response.on('finish', () => end('complete'));
  response.on('close', () => end('gateway'));
  return { call, end };
}

async function play(script: Script, call: RelayedCall, end: End, response: ServerResponse, ask: () => Promise<Answer>) {
  const gone = new Promise<false>((resolve) => response.once('close', () => resolve(false)));
  const stays = async (wait: Promise<unknown> | undefined) =>
    wait === undefined || (await Promise.race([wait.then(() => true), gone]));
  if (script.unanswered === 'silent') return;
  if (script.unanswered === 'reset') {
    end('cut');
    return void response.socket?.resetAndDestroy();
  }
  const answer = await ask();
  if (!(await stays(script.beforeHeaders))) return;
  call.status = answer.status;
  response.writeHead(answer.status, answer.headers);
  response.flushHeaders();

  const pieces = piecesOf(answer, script);
  const body = Buffer.from(pieces.join(''));
  const most = script.bytes?.(body) ?? body.length;
  const parting = script.partedAt?.(body) ?? 0;
  let from = 0;
  for (const [index, piece] of pieces.entries()) {
    const until = from + Buffer.byteLength(piece);
    for (const edge of from < parting && parting < until ? [parting, until] : [until]) {
      await written(response, body.subarray(from, Math.min(edge, most)));
      from = Math.min(edge, most);
      // Two turns of the loop let a reader take the first half by itself.
      for (let turn = 0; edge < until && turn < 2; turn++) await nextTurn();
    }
    if (until > most) break;
    call.sent.push(piece);
    if (script.afterPiece?.[0] === index && !(await stays(script.afterPiece[1]))) return;
  }
  if (script.ending === 'silent') return;
  if (script.ending !== 'cut') return void response.end();
  end('cut');
  response.socket?.destroy();
}

function piecesOf({ status, headers, text }: Answer, { edit }: Script): readonly string[] {
  if (status !== 200) return [text];
  const pieces = headers['content-type']?.startsWith('text/event-stream') ? text.split(/(?<=\n\n)/) : [text];
  return edit ? edit(pieces) : pieces;
}

const written = (response: ServerResponse, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    if (bytes.length === 0) resolve();
    // Called with an error too, where the gateway has gone.
    else response.write(bytes, () => resolve());
  });

/** What describes the one connection, and not the message. */
const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host', 'expect']);

const passedOn = (headers: Iterable<readonly [string, unknown]>): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !OF_THE_CONNECTION.has(name)).map(([name, value]) => [name, String(value)]));

async function forward(url: string, { method = 'POST', headers }: IncomingMessage, body: string): Promise<Answer> {
  const answer = await fetch(url, { method, headers: passedOn(Object.entries(headers)), body });
  return { status: answer.status, headers: passedOn(answer.headers), text: await answer.text() };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
