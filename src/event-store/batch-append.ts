import type { EventStoreDBClient } from '@eventstore/db-client';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { type AppendReply, decodeReply, type ExpectedRevision, encodeAppend } from './batch-append-wire.js';
import type { EventToAppend } from './envelope.js';
import { AppendOutcomeUnknown, AppendRefused, WrongExpectedRevision } from './errors.js';
import { openCall } from './streams-client.js';

interface Pending {
  readonly stream: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (reply: AppendReply) => void;
  readonly reject: (error: Error) => void;
}

type Call = ClientDuplexStream<Buffer, Buffer>;

/**
 * Appends over one BatchAppend call of the client's own connection, so that its discovery, credentials and reconnection hold.
 * The client's appendToStream is not used: its table of pending appends is shared by the whole process, one broken call fails
 * the others' and a late answer throws where nobody catches it; and its deadline does not fire while the server is frozen. Here
 * each call has its own table, each append its own timer, and an answer that nobody waits for any more is dropped.
 */
export class BatchAppend {
  private open: Promise<Call> | undefined;
  private pending = new Map<string, Pending>();
  private counter = 0;

  constructor(
    private readonly client: EventStoreDBClient,
    private readonly timeoutMs: number,
  ) {}

  /** Throws WrongExpectedRevision, AppendRefused, or AppendOutcomeUnknown where no answer came. */
  async append(stream: string, events: readonly EventToAppend[], expectedRevision: ExpectedRevision): Promise<AppendReply> {
    const correlationId = this.nextCorrelationId();
    const message = encodeAppend(correlationId, stream, events, expectedRevision, Date.now() + this.timeoutMs);
    const answer = new Promise<AppendReply>((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.delete(correlationId);
        reject(new AppendOutcomeUnknown(stream, new Error(`no answer within ${this.timeoutMs} ms`)));
      }, this.timeoutMs);
      const pending = this.pending.set(correlationId, { stream, timer, resolve, reject });
    });
    this.send(message);
    return answer;
  }

  private send(message: Buffer): void {
    this.open ??= this.start();
    this.open.then(
      (call) => call.write(message),
      (error) => this.broken(error),
    );
  }

  private start(): Promise<Call> {
    const table = this.pending;
    return openCall(this.client, 'batchAppend', undefined).then((opened) => {
      const call = opened as Call;
      call.on('data', (bytes: Buffer) => settle(table, decodeReply(bytes)));
      call.on('error', (error) => this.broken(error, table));
      call.on('end', () => this.broken(new Error('the event store ended the call'), table));
      return call;
    });
  }

  /** The call is gone: what it carried may or may not have happened. The next append opens another. */
  private broken(cause: Error, table = this.pending): void {
    if (table === this.pending) {
      this.pending = new Map();
      this.open = undefined;
    }
    for (const { stream, timer, reject } of table.values()) {
      clearTimeout(timer);
      reject(new AppendOutcomeUnknown(stream, cause));
    }
    table.clear();
  }

  private nextCorrelationId(): string {
    this.counter += 1;
    return `00000000-0000-4000-8000-${this.counter.toString(16).padStart(12, '0')}`;
  }
}

function settle(table: Map<string, Pending>, reply: AppendReply): void {
  const pending = table.get(reply.correlationId);
  if (!pending) return;
  table.delete(reply.correlationId);
  clearTimeout(pending.timer);
  if (reply.error === undefined) pending.resolve(reply);
  else pending.reject(failure(pending.stream, reply.error));
}

function failure(stream: string, type: string): Error {
  switch (type) {
    case 'WrongExpectedVersion':
      return new WrongExpectedRevision(stream);
    case 'MaximumAppendSizeExceeded':
    case 'StreamDeleted':
    case 'AccessDenied':
    case 'BadRequest':
      return new AppendRefused(stream, new Error(type));
    default:
      return new AppendOutcomeUnknown(stream, new Error(type));
  }
}
