import type { EventStoreDBClient } from '@eventstore/db-client';
import { type ClientDuplexStream, type ClientReadableStream, makeGenericClientConstructor } from '@grpc/grpc-js';

type Call = ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>;
type Method = 'read' | 'batchAppend';

const asIs = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean) => ({
  path: `/event_store.client.streams.Streams/${name}`,
  requestStream,
  responseStream: true,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

/** The Streams service with messages that are bytes already. */
const StreamsClient = makeGenericClientConstructor(
  { read: method('Read', false), batchAppend: method('BatchAppend', true) },
  'Streams',
);

/**
 * Opens a call on the client's own connection, so that its discovery, credentials and reconnection hold. Only the messages are
 * made and read here: the client's generated classes cost about nine times as much per event.
 * @param request the one request of a call that does not stream them
 */
export function openCall(client: EventStoreDBClient, name: Method, request: Buffer | undefined): Promise<Call> {
  const create = client['GRPCStreamCreator'](StreamsClient as never, name, (grpc: never) => {
    const [metadata, options] = client['callArguments']({}, { deadline: Number.POSITIVE_INFINITY });
    const methods = grpc as Record<Method, (...args: unknown[]) => Call>;
    return (request === undefined ? methods[name](metadata, options) : methods[name](request, metadata, options)) as never;
  });
  return create() as Promise<Call>;
}
