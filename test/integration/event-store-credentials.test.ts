/** An event store node with users: who gets in, and what the others are answered. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccessDeniedError, EventStoreDBClient, jsonEvent, START } from '@eventstore/db-client';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import serverFeaturesGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { type Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { createCertificate, hasOpenssl, type TlsCertificate } from '../support/tls-certificate.js';

const PASSWORD = 'chängeit: always';
const users = new Map([
  ['admin', PASSWORD],
  ['ops', 'another'],
]);
const event = () => jsonEvent({ type: 'Numbered', data: {} });

const isTestable = hasOpenssl();
const name = 'event store node with users';
(isTestable ? describe : describe.skip)(
  isTestable ? name : `${name}: SKIPPED, there is no openssl to make a certificate with`,
  () => {
    let folder: string;
    let tls: TlsCertificate;
    let node: EventStoreNode;
    const closing: (() => unknown)[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'event-store-users-'));
      tls = createCertificate(folder);
      node = await startEventStoreNode({ dataDir: join(folder, 'data'), tls, users });
    });

    afterAll(async () => {
      await Promise.all(closing.map((close) => close()));
      await node?.close();
      await rm(folder, { recursive: true });
    });

    function clientOf(username?: string, password = ''): EventStoreDBClient {
      const client = new EventStoreDBClient(
        { endpoint: { address: '127.0.0.1', port: node.port } },
        { rootCertificate: Buffer.from(tls.certificate) },
        username === undefined ? undefined : { username, password },
      );
      closing.push(() => client.dispose());
      return client;
    }

    function rawClient<T extends Client>(
      Service: new (address: string, channel: ReturnType<typeof credentials.createSsl>) => T,
    ): T {
      const client = new Service(`127.0.0.1:${node.port}`, credentials.createSsl(Buffer.from(tls.certificate)));
      closing.push(() => client.close());
      return client;
    }

    const authorization = (value?: string): Metadata => {
      const metadata = new Metadata();
      if (value !== undefined) metadata.set('authorization', value);
      return metadata;
    };
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

    async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
      const collected: Item[] = [];
      for await (const item of items) collected.push(item);
      return collected;
    }

    const readAll = (client: EventStoreDBClient): Promise<unknown[]> => collect(client.readAll({ maxCount: 1 }));

    async function subscribe(client: EventStoreDBClient): Promise<unknown> {
      const subscription = client.subscribeToAll({ fromPosition: START });
      await once(subscription, 'confirmation');
      return subscription.unsubscribe();
    }

    const CALLS: [string, (client: EventStoreDBClient) => Promise<unknown>][] = [
      ['appendToStream', (client) => client.appendToStream('s', event())],
      ['readAll', readAll],
      ['subscribeToAll', subscribe],
      ['deleteStream', (client) => client.deleteStream('s')],
      ['tombstoneStream', (client) => client.tombstoneStream(randomUUID())],
      ['setStreamMetadata', (client) => client.setStreamMetadata('m', {})],
    ];

    test('the connection string names nobody', () => {
      expect(node.connectionString).toBe(`esdb://127.0.0.1:${node.port}?tls=true`);
    });

    test.each(CALLS)('%s is there for a user with the password', async (_name, call) => {
      await call(clientOf('admin', PASSWORD));
      await call(clientOf('ops', 'another'));
    });

    test('credentials of one call are enough, and only for that', async () => {
      const client = clientOf();
      await client.appendToStream('s', event(), { credentials: { username: 'admin', password: PASSWORD } });
      await expect(client.appendToStream('s', event())).rejects.toBeInstanceOf(AccessDeniedError);
    });

    test.each(CALLS)('%s is denied to a client without credentials', async (_name, call) => {
      await expect(call(clientOf())).rejects.toMatchObject({ type: 'access-denied', code: status.PERMISSION_DENIED });
    });

    test.each([
      ['a wrong password', 'admin', 'changeit'],
      ['the password of another', 'admin', 'another'],
      ['no password', 'admin', ''],
      ['an unknown name', 'root', PASSWORD],
    ])('nothing is done for %s, nor is the password repeated', async (_what, username, password) => {
      const client = clientOf(username, password);
      const event = jsonEvent({ type: 'Refused', data: {} });
      for (const call of [() => client.appendToStream('refused', event), () => readAll(client), () => subscribe(client)]) {
        const error = (await call().catch((reason: unknown) => reason)) as AccessDeniedError;
        expect(error).toBeInstanceOf(AccessDeniedError);
        expect(error.code).toBe(status.UNAUTHENTICATED);
        if (password) expect(error.message).not.toContain(password);
      }
      const written = collect(clientOf('admin', PASSWORD).readStream('refused'));
      await expect(written).rejects.toMatchObject({ type: 'stream-not-found' });
    });

    test.each([
      ['nothing', undefined, status.PERMISSION_DENIED],
      ['another scheme', 'Bearer abc', status.PERMISSION_DENIED],
      ['no name and no password', 'Basic Og==', status.UNAUTHENTICATED],
      ['no colon', basic('admin'), status.UNAUTHENTICATED],
      ['what is not base64', 'Basic ***', status.UNAUTHENTICATED],
      ['another case', basic(`Admin:${PASSWORD}`), status.UNAUTHENTICATED],
    ])('a read with %s as authorization is refused by its status', async (_what, value, code) => {
      const client = rawClient(streamsGrpc.StreamsClient);
      const [error] = await once(client.read(new streams.ReadReq(), authorization(value)), 'error').catch((reason) => [reason]);
      expect((error as ServiceError).code).toBe(code);
    });

    test('what a client asks to find the node needs no credentials, but no wrong ones either', async () => {
      const features = rawClient(serverFeaturesGrpc.ServerFeaturesClient);
      const gossip = rawClient(gossipGrpc.GossipClient);
      const ask = (metadata: Metadata): Promise<(status | undefined)[]> =>
        Promise.all([
          new Promise<status | undefined>((resolve) => {
            features.getSupportedMethods(new shared.Empty(), metadata, (error) => resolve(error?.code));
          }),
          new Promise<status | undefined>((resolve) => {
            gossip.read(new shared.Empty(), metadata, (error) => resolve(error?.code));
          }),
        ]);
      expect(await ask(authorization())).toEqual([undefined, undefined]);
      expect(await ask(authorization(basic(`admin:${PASSWORD}`)))).toEqual([undefined, undefined]);
      expect(await ask(authorization(basic('admin:wrong')))).toEqual([status.UNAUTHENTICATED, status.UNAUTHENTICATED]);
    });

    test('a node without users takes credentials for nothing', async () => {
      const open = await startEventStoreNode({ dataDir: join(folder, 'open') });
      closing.push(() => open.close());
      const client = new streamsGrpc.StreamsClient(`127.0.0.1:${open.port}`, credentials.createInsecure());
      closing.push(() => client.close());
      const error = await new Promise<ServiceError | null>((resolve) => {
        client.delete(new streams.DeleteReq(), authorization(basic('who:ever')), (reason) => resolve(reason));
      });
      expect(error?.code).toBe(status.INVALID_ARGUMENT);
    });

    test.each([
      ['without TLS', { users }, 'users: clients show credentials over TLS only. Give tls a certificate, or leave users out.'],
      [
        'of whom there are none',
        { users: new Map() },
        'users: nobody could use the event store. Name at least one user, or leave users out.',
      ],
      [
        'with a colon',
        { users: new Map([['a:b', 'secret']]) },
        'users: "a:b" cannot be a name. It must not be empty nor contain a colon.',
      ],
      ['without a password', { users: new Map([['a', '']]) }, 'users: "a" has no password.'],
    ])('users %s are refused', async (what, options, message) => {
      const started = startEventStoreNode({
        dataDir: join(folder, 'refused'),
        ...options,
        ...(what === 'without TLS' ? {} : { tls }),
      });
      await expect(started).rejects.toThrow(new Error(message));
    });
  },
);
