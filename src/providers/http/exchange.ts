import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';

/** How an exchange broke, told without addresses. */
export interface Breakage {
  readonly failure: 'unavailable' | 'timeout';
  /** `it closed the connection`, with the provider as its subject. */
  readonly what: string;
}

/** Takes one answer. Exactly one of `end` and `broken` comes last, unless the exchange was aborted. */
export interface Receiver {
  head(status: number, headers: IncomingHttpHeaders): void;
  bytes(chunk: Buffer): void;
  end(): void;
  broken(breakage: Breakage): void;
}

/**
 * One request and its answer on undici's dispatch interface, the least that a chunk can cost: no stream, no promise, no
 * event emitter between the socket and the receiver.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** Hidden: it leads to the request, whose headers hold the key. */
  #controller: Dispatcher.DispatchController | undefined;
  private idle: NodeJS.Timeout;
  private paused = false;
  private ending = false;
  private closed = false;

  constructor(
    private readonly receiver: Receiver,
    idleTimeoutMs: number,
  ) {
    this.idle = setTimeout(() => this.giveUp(), idleTimeoutMs);
  }

  /** Reading stops after at most one more chunk; the idle timeout does not run. */
  pause(): void {
    if (this.closed) return;
    this.paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (this.closed || !this.paused) return;
    this.paused = false;
    // Starts the timer again, also where it has run out meanwhile; one that was cleared would stay dead.
    this.idle.refresh();
    // undici's parser must not be entered from within one of its own callbacks, whoever's they are.
    queueMicrotask(() => {
      if (!this.paused && !this.closed) this.#controller?.resume();
    });
  }

  /** Destroys the connection. The receiver hears nothing more. */
  abort(): void {
    if (this.closed) return;
    this.close();
    this.#controller?.abort(new Error('aborted'));
  }

  /** Nothing more of interest will come: the connection has this long to finish the answer and become free. */
  endWithin(milliseconds: number): void {
    if (this.closed) return;
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.giveUp(), milliseconds);
    this.ending = true;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.closed) controller.abort(new Error('aborted'));
    else if (this.paused) controller.pause();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 103 and its like only say that the server lives.
    this.refresh();
    if (!this.closed && status >= 200) this.receiver.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.closed) return;
    this.refresh();
    this.receiver.bytes(chunk);
  }

  onResponseEnd(): void {
    if (this.closed) return;
    this.close();
    this.receiver.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.closed) return;
    this.close();
    this.receiver.broken(breakageOf(error, this.#controller !== undefined));
  }

  private refresh(): void {
    if (!this.paused && !this.ending && !this.closed) this.idle.refresh();
  }

  private giveUp(): void {
    if (this.closed || this.paused) return;
    this.close();
    this.#controller?.abort(new Error('idle'));
    this.receiver.broken({ failure: 'timeout', what: 'sent nothing in time' });
  }

  private close(): void {
    this.closed = true;
    clearTimeout(this.idle);
  }
}

/** Only the error's code: its message may name hosts and addresses. */
function breakageOf(error: Error, connected: boolean): Breakage {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return { failure: 'timeout', what: 'accepted no connection in time' };
  const what = connected ? 'broke the connection off' : 'could not be connected to';
  return { failure: 'unavailable', what: typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? `${what} (${code})` : what };
}
