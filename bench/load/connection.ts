import { connect as connectSocket } from 'node:net';

/** What the client saw of one call. Times are milliseconds of performance.now(). */
export interface Exchange {
  status: number;
  /** First `data:` of an event stream, else the first byte of the body. */
  firstDataAt: number;
  endedAt: number;
  /** Events of the stream. */
  events: number;
  /** The end of the body, enough to see `[DONE]` or an error. */
  tail: string;
}

export interface Connection {
  /** One at a time. Rejects when the connection is lost or silent. */
  call(): Promise<Exchange>;
  close(): void;
}

const HEAD_END = '\r\n\r\n';
const BODY_END = Buffer.from('\r\n0\r\n\r\n');
const EVENT_END = '\n\n';
const TAIL_BYTES = 200;
const SILENCE_MS = 15_000;

/**
 * One keep-alive connection that repeats one prepared request. It reads no more of HTTP/1.1 than it needs to know where an
 * answer ends, because a complete client costs more than the servers that it is to measure.
 */
export function connect(port: number, request: Buffer): Connection {
  const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true });
  let reader: ReturnType<typeof answerReader> | undefined;
  let settle: { resolve(exchange: Exchange): void; reject(reason: Error): void } | undefined;
  let lost: Error | undefined;

  const lose = (error: Error) => {
    lost ??= error;
    socket.destroy();
    settle?.reject(lost);
    settle = undefined;
  };
  socket.setTimeout(SILENCE_MS, () => lose(new Error('no answer')));
  socket.on('error', lose);
  socket.on('close', () => lose(new Error('connection closed before the answer was whole')));
  socket.on('data', (bytes: Buffer) => {
    const exchange = reader?.(bytes);
    if (exchange === undefined) return;
    settle?.resolve(exchange);
    settle = undefined;
  });

  return {
    call() {
      if (lost !== undefined) return Promise.reject(lost);
      reader = answerReader();
      socket.write(request);
      return new Promise((resolve, reject) => {
        settle = { resolve, reject };
      });
    },
    close: () => socket.destroy(),
  };
}

/** Takes the bytes of one answer as they come; gives the exchange with the last of them. */
function answerReader(): (bytes: Buffer) => Exchange | undefined {
  let head: Buffer | undefined = Buffer.alloc(0);
  let status = 0;
  /** Bytes still to come, or undefined when the body is chunked. */
  let bytesLeft: number | undefined;
  let firstDataAt = 0;
  let events = 0;
  let tail: Buffer = Buffer.alloc(0);

  const readHead = (bytes: Buffer): Buffer | undefined => {
    head = head?.length ? Buffer.concat([head, bytes]) : bytes;
    const end = head.indexOf(HEAD_END);
    if (end === -1) return undefined;
    const text = head.toString('latin1', 0, end);
    status = Number(text.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    bytesLeft = length === undefined ? undefined : Number(length);
    const body = head.subarray(end + HEAD_END.length);
    head = undefined;
    return body;
  };

  return (bytes) => {
    const body = head === undefined ? bytes : readHead(bytes);
    if (body === undefined || (body.length === 0 && bytesLeft !== 0)) return undefined;
    if (firstDataAt === 0 && (bytesLeft !== undefined || body.includes('data:'))) firstDataAt = performance.now();
    if (bytesLeft === undefined) {
      for (let at = body.indexOf(EVENT_END); at !== -1; at = body.indexOf(EVENT_END, at + 2)) events++;
    } else bytesLeft -= body.length;
    tail = body.length >= TAIL_BYTES ? body.subarray(-TAIL_BYTES) : Buffer.concat([tail, body]).subarray(-TAIL_BYTES);
    const whole = bytesLeft === undefined ? tail.subarray(-BODY_END.length).equals(BODY_END) : bytesLeft <= 0;
    return whole ? { status, firstDataAt, endedAt: performance.now(), events, tail: tail.toString('latin1') } : undefined;
  };
}
