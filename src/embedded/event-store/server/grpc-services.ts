/**
 * The services of the node. What is not here answers UNIMPLEMENTED, which grpc-js does for every unknown method.
 * The hot messages bypass the generated classes; see protobuf.ts.
 */
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import serverFeaturesGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { AppendReq, DeleteReq, ReadReq, TombstoneReq } from '@eventstore/db-client/generated/streams_pb.js';
import {
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { EventLog } from '../log/event-log.js';
import type { AppendBounds } from '../streams/append-limits.js';
import { type BatchAppendRequest, decodeBatchAppendRequest } from '../streams/batch-append-request.js';
import { callErrorOf } from '../streams/call-errors.js';
import { parseReadRequest } from '../streams/read-request.js';
import { appendEvents } from '../streams/streams-append.js';
import { batchAppendEvents } from '../streams/streams-batch-append.js';
import { deleteStream } from '../streams/streams-delete.js';
import { readEvents, subscribe } from '../streams/streams-read.js';
import { inTurn } from '../streams/turns.js';
import { clusterInfo, supportedMethods } from './node-information.js';
import { ResponseStream } from './response-stream.js';

export interface NodeServices {
  /** Streaming responses that are open. */
  readonly responses: ReadonlySet<ResponseStream>;
}

const asIs = (message: Buffer): Buffer => message;
const { StreamsService } = streamsGrpc;
const { GossipService } = gossipGrpc;
const { ServerFeaturesService } = serverFeaturesGrpc;

const STREAMS = {
  read: { ...StreamsService.read, responseSerialize: asIs },
  append: { ...StreamsService.append, responseSerialize: asIs },
  delete: { ...StreamsService.delete, responseSerialize: asIs },
  tombstone: { ...StreamsService.tombstone, responseSerialize: asIs },
  batchAppend: { ...StreamsService.batchAppend, requestDeserialize: decodeBatchAppendRequest, responseSerialize: asIs },
};

/** Calls that are answered by many messages. */
export const STREAMING_PATHS: readonly string[] = [STREAMS.read.path, STREAMS.batchAppend.path];

/** Calls by which a client finds the node and what it can, before any other. */
export const OPEN_PATHS: readonly string[] = [GossipService.read.path, ServerFeaturesService.getSupportedMethods.path];

export function addServices(server: Server, log: EventLog, bounds: AppendBounds): NodeServices {
  const responses = new Set<ResponseStream>();
  const track = (call: ServerWritableStream<never, Buffer> | ServerDuplexStream<never, Buffer>): ResponseStream => {
    const response = new ResponseStream(call);
    responses.add(response);
    response.onClose(() => responses.delete(response));
    return response;
  };

  server.addService(STREAMS, {
    read: (call: ServerWritableStream<ReadReq, Buffer>) => read(log, call.request, track(call as never)),
    append: (call: ServerReadableStream<AppendReq, Buffer>, callback: sendUnaryData<Buffer>) =>
      appendEvents(log, bounds, call, callback),
    delete: (call: ServerUnaryCall<DeleteReq, Buffer>, callback: sendUnaryData<Buffer>) =>
      deleteStream(log, call, callback, false),
    tombstone: (call: ServerUnaryCall<TombstoneReq, Buffer>, callback: sendUnaryData<Buffer>) =>
      deleteStream(log, call, callback, true),
    batchAppend: (call: ServerDuplexStream<BatchAppendRequest, Buffer>) =>
      batchAppendEvents(log, bounds, call, track(call as never)),
  });
  server.addService(GossipService, {
    read: (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
      callback(null, clusterInfo(call.getHost())),
  });
  const methods = supportedMethods([...Object.values(STREAMS).map(({ path }) => path), ...OPEN_PATHS]);
  server.addService(ServerFeaturesService, {
    getSupportedMethods: (_call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => callback(null, methods),
  });
  return { responses };
}

async function read(log: EventLog, message: ReadReq, response: ResponseStream): Promise<void> {
  try {
    const request = await inTurn(() => parseReadRequest(message));
    await (request.eventsMax === undefined ? subscribe(log, request, response) : readEvents(log, request, response));
  } catch (error) {
    response.fail(callErrorOf(error));
  }
}
