/**
 * grpc-js hands a message to HTTP/2 only when the one before it has gone out of the socket, which makes a system call of every
 * event. Here a response may run ahead of the socket by a bounded number of bytes, and what has gathered goes out in one call.
 */
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/** About two windows of HTTP/2: one under way and one to follow. Begun again at half, or every message would go by itself again. */
const BYTES_AHEAD_MAX = 128 * 1024;
const BYTES_AHEAD_AGAIN = BYTES_AHEAD_MAX / 2;

/** For the responses of the methods with these paths; their messages must be bytes already. */
export const writeAhead =
  (paths: readonly string[]): ServerInterceptor =>
  ({ path }, call) =>
    paths.includes(path) ? new CallAhead(call) : new ServerInterceptingCall(call);

class CallAhead extends ServerInterceptingCall {
  private bytesAhead = 0;
  private waiting: (() => void) | undefined;

  /** Calls back when there is room for another message; never again once the call has ended, as grpc-js does. */
  override sendMessage(message: Buffer, callback: () => void): void {
    this.bytesAhead += message.length;
    super.sendMessage(message, () => this.sent(message.length));
    if (this.bytesAhead < BYTES_AHEAD_MAX) callback();
    else this.waiting = callback;
  }

  private sent(bytes: number): void {
    this.bytesAhead -= bytes;
    const { waiting } = this;
    if (!waiting || this.bytesAhead > BYTES_AHEAD_AGAIN) return;
    this.waiting = undefined;
    waiting();
  }
}
