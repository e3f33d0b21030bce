/**
 * A streaming response that never holds more than gRPC's own window, and what `write-ahead.ts` lets a read run ahead: writing waits
 * until the client has taken what was sent. A slow reader therefore costs a page of memory and no more.
 */
import { type Metadata, type ServerDuplexStream, type ServerWritableStream, status } from '@grpc/grpc-js';

/** Either way. Clients send an append in messages of 3 MiB plus one event, and take no larger message themselves. */
export const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;

export interface CallError {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

export const NODE_CLOSING: CallError = { code: status.UNAVAILABLE, details: 'The event store is shutting down.' };

const DETAILS_LENGTH_MAX = 1000;

type StreamingCall = ServerWritableStream<never, Buffer> | ServerDuplexStream<never, Buffer>;

export class ResponseStream {
  private isClosed = false;
  private readonly closeListeners = new Set<() => void>();

  constructor(private readonly call: StreamingCall) {
    call.on('cancelled', () => this.close());
    call.on('close', () => this.close());
    call.on('error', () => this.close());
  }

  get closed(): boolean {
    return this.isClosed;
  }

  onClose(listener: () => void): void {
    if (this.isClosed) listener();
    else this.closeListeners.add(listener);
  }

  /** Sends in order; resolves when there is room for more, or at once when nobody listens any longer. */
  async send(messages: Iterable<Buffer>): Promise<void> {
    for (const message of messages) {
      if (this.isClosed) return;
      if (!this.call.write(message)) await this.drained();
    }
  }

  /** Sends without waiting. */
  push(message: Buffer): void {
    if (!this.isClosed) this.call.write(message);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isClosed) return resolve();
      const done = () => {
        this.call.off('drain', done);
        this.closeListeners.delete(done);
        resolve();
      };
      this.call.on('drain', done);
      this.closeListeners.add(done);
    });
  }

  end(): void {
    if (!this.isClosed) this.call.end();
    this.close();
  }

  fail(error: CallError): void {
    // grpc-js never sends a status whose details it cannot encode, and a client takes so many bytes of headers and no more.
    const details = error.details.slice(0, DETAILS_LENGTH_MAX).toWellFormed();
    if (!this.isClosed) this.call.emit('error', { ...error, details });
    this.close();
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const listener of [...this.closeListeners]) listener();
    this.closeListeners.clear();
  }
}
