/** What one connection may ask of an event store node: services that it has not, thousands of calls at once, and too much. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import {
  EventStoreDBClient,
  jsonEvent,
  persistentSubscriptionToAllSettingsFromDefaults,
  persistentSubscriptionToStreamSettingsFromDefaults,
} from '@eventstore/db-client';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossipMessages, { type ClusterInfo, type MemberInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import serverFeaturesGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Client, credentials, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { temporaryDirectory } from '../support/event-store-node.js';

let dataDir: string;
let node: EventStoreNode;
let client: EventStoreDBClient;
let raw: Client;

beforeAll(async () => {
  dataDir = await temporaryDirectory();
  node = await startEventStoreNode({ dataDir });
  client = EventStoreDBClient.connectionString(node.connectionString);
  raw = new Client(`127.0.0.1:${node.port}`, credentials.createInsecure());
});

afterAll(async () => {
  raw.close();
  await client.dispose();
  await node.close();
  await rm(dataDir, { recursive: true });
});

const event = () => jsonEvent({ type: 'Numbered', data: {} });

type Method = MethodDefinition<Uint8Array, Uint8Array>;
const asIs = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** How a call ends whose client sends one empty message and does not say that it was the last, unless the kind of call says so. */
async function outcomeOf(
  { path, requestStream, responseStream }: Method,
  metadata = new Metadata(),
): Promise<ServiceError | undefined> {
  const calls = {
    unary: () =>
      new Promise<ServiceError | undefined>((resolve) => {
        raw.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), metadata, (error) => resolve(error ?? undefined));
      }),
    clientStream: () =>
      new Promise<ServiceError | undefined>((resolve) => {
        raw.makeClientStreamRequest(path, asIs, asIs, metadata, (error) => resolve(error ?? undefined)).write(Buffer.alloc(0));
      }),
    serverStream: async () => ended(raw.makeServerStreamRequest(path, asIs, asIs, Buffer.alloc(0), metadata).resume()),
    bidi: async () => {
      const call = raw.makeBidiStreamRequest(path, asIs, asIs, metadata);
      call.write(Buffer.alloc(0));
      return ended(call.resume());
    },
  };
  const ended = (call: NodeJS.EventEmitter): Promise<ServiceError | undefined> =>
    once(call, 'end').then(
      () => undefined,
      (error: ServiceError) => error,
    );
  if (requestStream) return responseStream ? calls.bidi() : calls.clientStream();
  return responseStream ? calls.serverStream() : calls.unary();
}

const require = createRequire(import.meta.url);
const SERVICES = ['persistent', 'projections', 'users', 'operations', 'monitoring'].flatMap((file) => {
  const generated = require(`@eventstore/db-client/generated/${file}_grpc_pb.js`) as Record<string, Record<string, Method>>;
  const [definition = {}] = Object.entries(generated).flatMap(([name, value]) => (name.endsWith('Service') ? [value] : []));
  return Object.values(definition);
});

describe('what the node does not have', () => {
  test.each(SERVICES.map((method) => [method.path, method] as const))('%s is answered UNIMPLEMENTED', async (path, method) => {
    const error = await outcomeOf(method);
    expect(error?.code).toBe(status.UNIMPLEMENTED);
    expect(error?.details).toContain(path);
  });

  const NEWER = 'requires server version';
  const NO_GROUP = 'Subscription group g on stream s does not exist';
  test.each<[string, (c: EventStoreDBClient) => unknown, string]>([
    [
      'createPersistentSubscriptionToStream',
      (c) => c.createPersistentSubscriptionToStream('s', 'g', persistentSubscriptionToStreamSettingsFromDefaults()),
      'UNIMPLEMENTED',
    ],
    [
      'createPersistentSubscriptionToAll',
      (c) => c.createPersistentSubscriptionToAll('g', persistentSubscriptionToAllSettingsFromDefaults()),
      NEWER,
    ],
    [
      'subscribeToPersistentSubscriptionToStream',
      (c) => once(c.subscribeToPersistentSubscriptionToStream('s', 'g'), 'data'),
      'UNIMPLEMENTED',
    ],
    ['subscribeToPersistentSubscriptionToAll', (c) => once(c.subscribeToPersistentSubscriptionToAll('g'), 'data'), NEWER],
    ['deletePersistentSubscriptionToStream', (c) => c.deletePersistentSubscriptionToStream('s', 'g'), 'UNIMPLEMENTED'],
    ['listAllPersistentSubscriptions', (c) => c.listAllPersistentSubscriptions(), 'Not Found'],
    ['getPersistentSubscriptionToStreamInfo', (c) => c.getPersistentSubscriptionToStreamInfo('s', 'g'), NO_GROUP],
    ['replayParkedMessagesToStream', (c) => c.replayParkedMessagesToStream('s', 'g'), NO_GROUP],
    ['restartPersistentSubscriptionSubsystem', (c) => c.restartPersistentSubscriptionSubsystem(), 'Not Found'],
    ['createProjection', (c) => c.createProjection('p', 'fromAll()'), 'UNIMPLEMENTED'],
    ['listProjections', (c) => c.listProjections(), 'UNIMPLEMENTED'],
    ['getProjectionState', (c) => c.getProjectionState('p'), 'UNIMPLEMENTED'],
    ['enableProjection', (c) => c.enableProjection('p'), 'UNIMPLEMENTED'],
  ])('%s of the client rejects', async (_name, call, message) => {
    await expect(Promise.resolve(call(client))).rejects.toThrow(message);
  });
});

test('the methods that the node says it has are those that it has', async () => {
  const features = new serverFeaturesGrpc.ServerFeaturesClient(`127.0.0.1:${node.port}`, credentials.createInsecure());
  const answer = await new Promise<SupportedMethods>((resolve, reject) => {
    features.getSupportedMethods(new shared.Empty(), (error, methods) => (error ? reject(error) : resolve(methods)));
  });
  features.close();
  expect(answer.getEventStoreServerVersion()).toBe('24.10.0');
  const told = answer.getMethodsList().map((method) => {
    const path = `${method.getServiceName()}/${method.getMethodName()}`;
    return [path, ...method.getFeaturesList()].join(' ');
  });
  expect(told.sort()).toEqual([
    'event_store.client.gossip.gossip/read',
    'event_store.client.server_features.serverfeatures/getsupportedmethods',
    'event_store.client.streams.streams/append',
    'event_store.client.streams.streams/batchappend',
    'event_store.client.streams.streams/delete',
    'event_store.client.streams.streams/read position events',
    'event_store.client.streams.streams/tombstone',
  ]);
});

test('gossip is of one living leader, at the address by which it was asked', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const gossip = new gossipGrpc.GossipClient(`${host}:${node.port}`, credentials.createInsecure());
    const before = Date.now();
    const members = await new Promise<ClusterInfo>((resolve, reject) => {
      gossip.read(new shared.Empty(), (error, info) => (error ? reject(error) : resolve(info)));
    }).then((info) => info.getMembersList());
    gossip.close();
    const [{ instanceId, timeStamp, ...member }] = members.map((info) => info.toObject()) as [MemberInfo.AsObject];
    expect(members).toHaveLength(1);
    expect(member).toEqual({
      state: gossipMessages.MemberInfo.VNodeState.LEADER,
      isAlive: true,
      httpEndPoint: { address: host, port: node.port },
    });
    expect(instanceId?.string).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    // Ticks of 100 ns since 1970.
    expect(Number(timeStamp) / 10_000).toBeGreaterThanOrEqual(before);
    expect(Number(timeStamp) / 10_000).toBeLessThanOrEqual(Date.now());
  }
});

test('3,000 subscriptions on one connection each get an event', async () => {
  const subscriptions = Array.from({ length: 3_000 }, (_, n) => client.subscribeToStream(`many-${n % 3}`));
  await Promise.all(subscriptions.map((subscription) => once(subscription, 'confirmation')));
  const events = Promise.all(subscriptions.map((subscription) => once(subscription, 'data')));
  for (const stream of ['many-0', 'many-1', 'many-2']) await client.appendToStream(stream, event());
  const streams = (await events).map(([resolved]) => resolved.event.streamId);
  expect(streams).toEqual(subscriptions.map((_, n) => `many-${n % 3}`));
  await Promise.all(subscriptions.map((subscription) => subscription.unsubscribe()));
});

describe('what is too much', () => {
  test('metadata beyond 64 KiB ends its call, and no other', async () => {
    const metadata = new Metadata();
    metadata.set('connection-name', 'x'.repeat(100_000));
    const error = await outcomeOf(streamsGrpc.StreamsService.read as never, metadata);
    expect(error).toBeDefined();
    await client.appendToStream('beside', event());
  });

  test('a message beyond 17 MiB ends its call, and no other', async () => {
    const call = raw.makeBidiStreamRequest(streamsGrpc.StreamsService.batchAppend.path, asIs, asIs);
    const ended = once(call.resume(), 'end');
    call.on('error', () => {});
    call.write(Buffer.alloc(18 * 1024 * 1024));
    await expect(ended).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await client.appendToStream('beside', event());
  });

  test('calls that never send their request hinder nobody, nor the end of the node', async () => {
    const other = await startEventStoreNode({ dataDir: `${dataDir}/other` });
    const stranger = new Client(`127.0.0.1:${other.port}`, credentials.createInsecure());
    const paths = [streamsGrpc.StreamsService.append.path, streamsGrpc.StreamsService.batchAppend.path];
    const calls = Array.from({ length: 1_000 }, (_, n) => stranger.makeBidiStreamRequest(paths[n % 2] as string, asIs, asIs));
    const ended = calls.map((call) => once(call.resume(), 'end').catch((error: ServiceError) => error.code));
    const beside = EventStoreDBClient.connectionString(other.connectionString);
    await beside.appendToStream('beside', event());
    await beside.dispose();
    await other.close();
    expect([status.CANCELLED, status.UNAVAILABLE]).toEqual(expect.arrayContaining(await Promise.all(ended)));
    stranger.close();
  });
});
