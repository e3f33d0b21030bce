/** An event store node with a certificate: the client, the health check, and those who come without TLS or with an old one. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import https from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { EventStoreDBClient, jsonEvent, START } from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { createCertificate, hasOpenssl, type TlsCertificate } from '../support/tls-certificate.js';

const isTestable = hasOpenssl();
const name = 'event store node with TLS';
(isTestable ? describe : describe.skip)(
  isTestable ? name : `${name}: SKIPPED, there is no openssl to make a certificate with`,
  () => {
    let folder: string;
    let tls: TlsCertificate;
    let node: EventStoreNode;
    const clients: EventStoreDBClient[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'event-store-tls-'));
      tls = createCertificate(folder);
      node = await startEventStoreNode({ dataDir: join(folder, 'data'), tls });
    });

    afterAll(async () => {
      await Promise.all(clients.map((client) => client.dispose()));
      await node?.close();
      await rm(folder, { recursive: true });
    });

    function clientOf(connectionString: string): EventStoreDBClient {
      const client = EventStoreDBClient.connectionString(connectionString);
      clients.push(client);
      return client;
    }

    async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
      const socket = connect({ host: '127.0.0.1', port: node.port, ca: tls.certificate, ...options });
      await once(socket, 'secureConnect');
      return socket;
    }

    test.each(['127.0.0.1', 'localhost'])(
      'the client that trusts the certificate appends, reads and subscribes at %s',
      async (host) => {
        expect(node.connectionString).toBe(`esdb://127.0.0.1:${node.port}?tls=true`);
        const client = clientOf(`esdb://${host}:${node.port}?tls=true&tlsCAFile=${tls.certificateFile}`);
        const subscription = client.subscribeToStream(`at-${host}`, { fromRevision: START });
        const live = once(subscription, 'data');
        await client.appendToStream(`at-${host}`, jsonEvent({ type: 'Numbered', data: { n: 1 } }));
        const [{ event }] = await live;
        expect(event.data).toEqual({ n: 1 });
        await subscription.unsubscribe();
        const read = [];
        for await (const resolved of client.readStream(`at-${host}`)) read.push(resolved.event?.revision);
        expect(read).toEqual([0n]);
      },
    );

    test('the client finds the node by its gossip', async () => {
      const client = clientOf(`esdb+discover://localhost:${node.port}?tls=true&tlsCAFile=${tls.certificateFile}`);
      await client.appendToStream('discovered', jsonEvent({ type: 'Numbered', data: {} }));
    });

    test.each([
      ['without TLS', () => `esdb://127.0.0.1:${node.port}?tls=false`],
      ['that does not trust the certificate', () => node.connectionString],
    ])('a client %s gets an error', async (_who, connectionString) => {
      const appended = clientOf(connectionString()).appendToStream('s', jsonEvent({ type: 'Numbered', data: {} }));
      await expect(appended).rejects.toMatchObject({ code: status.UNAVAILABLE });
    });

    test('who also speaks HTTP/1.1, as curl and orchestrators do, gets that, and health with it', async () => {
      const socket = await handshake({ ALPNProtocols: ['h2', 'http/1.1'] });
      expect(socket.alpnProtocol).toBe('http/1.1');
      socket.destroy();
      const request = https.get({ host: '127.0.0.1', port: node.port, path: '/health/live', ca: tls.certificate, agent: false });
      const [response] = await once(request, 'response');
      expect(response.resume().statusCode).toBe(204);
    });

    test.each([
      ['TLSv1.2', 'TLSv1.2'],
      ['TLSv1.3', 'TLSv1.3'],
    ] as const)('%s is spoken', async (version, protocol) => {
      const socket = await handshake({ minVersion: version, maxVersion: version, ALPNProtocols: ['h2'] });
      expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([protocol, 'h2']);
      socket.destroy();
    });

    test('TLS before 1.2 is refused by the node', async () => {
      const old = handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
      await expect(old).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
    });

    test('what is no handshake ends its own connection, and no other', async () => {
      const socket = connectPlain(node.port, '127.0.0.1');
      socket.on('error', () => {});
      const closed = once(socket.resume(), 'close');
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      await closed;
      (await handshake({})).destroy();
    });

    test('closing ends those who are shaking hands, and those who say nothing after it', async () => {
      const closing = await startEventStoreNode({ dataDir: join(folder, 'closing'), tls });
      const plain = connectPlain(closing.port, '127.0.0.1');
      await once(plain, 'connect');
      const secure = await handshake({ port: closing.port });
      const ended = [plain, secure].map((socket) => once(socket.resume(), 'close'));
      await closing.close();
      await Promise.all(ended);
    });

    test('a certificate that is none, or not of the key, is refused in words without the key', async () => {
      const otherFolder = await mkdtemp(join(folder, 'other-'));
      const { privateKey } = createCertificate(otherFolder);
      const dataDir = join(folder, 'refused');
      for (const bad of [
        { certificate: tls.certificate, privateKey },
        { certificate: 'none', privateKey: tls.privateKey },
      ]) {
        const refusal = await startEventStoreNode({ dataDir, tls: bad }).catch((error: Error) => error.message);
        expect(refusal).toMatch(/^tls: the certificate and the private key cannot be used: /);
        expect(refusal).not.toContain('PRIVATE KEY');
      }
      // The directory was given back.
      await (await startEventStoreNode({ dataDir, tls })).close();
    });
  },
);
