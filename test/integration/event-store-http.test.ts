/** What an event store node answers to those who do not speak gRPC, on the port of those who do. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import http2, { type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type EventStoreNode, startEventStoreNode } from '../../src/embedded/event-store/node.js';
import { listen } from '../../src/embedded/event-store/server/listener.js';
import { plainHttpServer } from '../../src/embedded/event-store/server/plain-http.js';
import { temporaryDirectory } from '../support/event-store-node.js';

let node: EventStoreNode;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  const dataDir = await temporaryDirectory();
  node = await startEventStoreNode({ dataDir });
  cleanups.push(
    () => node.close(),
    () => rm(dataDir, { recursive: true }),
  );
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

async function ask(path: string, options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  const request = http.request({ host: '127.0.0.1', port: node.port, path, agent: false, ...options }).end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, body: text };
}

async function openSocket(): Promise<Socket> {
  const socket = connect(node.port, '127.0.0.1').setEncoding('utf8');
  cleanups.unshift(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** All that comes until the node ends the connection, sent in the pieces given, each after the node could have read the last. */
async function converse(...pieces: (string | Buffer)[]): Promise<string> {
  const socket = await openSocket();
  socket.setNoDelay();
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const ended = once(socket, 'close');
  for (const piece of pieces) {
    socket.write(piece);
    await ask('/health/live');
  }
  await ended;
  return text;
}

async function openSession(): Promise<ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${node.port}`);
  cleanups.unshift(() => session.destroy());
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

/** Resolves with the answer, before which the node has seen all that was sent. */
const ping = (session: ClientHttp2Session): Promise<void> =>
  new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));

function connectClient(): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(node.connectionString);
  cleanups.unshift(() => client.dispose());
  return client;
}

test.each([
  ['GET', '/health/live', 204],
  ['HEAD', '/health/live', 204],
  ['GET', '/health/live?liveCode=200', 200],
  ['HEAD', '/health/live?liveCode=299', 299],
  ['GET', '/health/live?liveCode=nonsense', 204],
  ['GET', '/health/live?liveCode=100', 204],
  ['POST', '/health/live', 405],
  ['HEAD', '/ping', 200],
  ['PUT', '/ping', 405],
  ['GET', '/ping/', 404],
  ['GET', '/health', 404],
  ['GET', '/', 404],
  ['GET', '/streams/$all', 404],
  ['POST', '/subscriptions/restart', 404],
])('%s %s is answered %i', async (method, path, status) => {
  expect(await ask(path, { method })).toEqual({ status, body: '' });
});

test('the client gets its ping, and the reason of a refusal', async () => {
  const client = connectClient();
  // Declared protected, since it is for the client's own calls.
  const ask = client['HTTPRequest'] as (method: string, path: string, options: object) => Promise<unknown>;
  await expect(ask('GET', '/ping', {})).resolves.toMatchObject({ text: 'Ping request successfully handled' });
  const transformError = (status: number, reason: string) => new Error(`${status} ${reason}`);
  await expect(ask('POST', '/streams/s', { transformError })).rejects.toThrow('404 Not Found');
});

test('a request that comes byte by byte is understood, and the connection ends after its answer', async () => {
  const answer = await converse('P', 'O', 'ST / HTTP/1.1\r\nHost: x\r\n', 'Content-Length: 0\r\n', '\r\n');
  expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
});

test('what is neither HTTP nor gRPC, and a header without end, are refused while others are served', async () => {
  expect(await converse('PRI * HTTP/9.9\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(await converse(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]))).toMatch(/^HTTP\/1\.1 400 /);
  expect(await converse(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`)).toMatch(/^HTTP\/1\.1 431 /);
  const client = connectClient();
  await client.appendToStream('s', jsonEvent({ type: 'Numbered', data: {} }));
});

test('gRPC is spoken on the port whether the preface comes whole or in pieces', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  for (const pieces of [[preface], ['P', 'RI * HTTP/2', '.0\r\n\r\nSM\r\n\r\n']]) {
    const socket = await openSocket();
    const answered = once(socket, 'data');
    for (const piece of pieces) {
      socket.write(piece);
      await ask('/health/live');
    }
    socket.write(emptySettings);
    const [frame] = (await answered) as [string];
    expect(Buffer.from(frame).readUInt8(3)).toBe(4);
    socket.destroy();
  }
});

test('pings are answered, and HTTP/2 without gRPC is told what the port takes', async () => {
  const session = await openSession();
  await ping(session);
  const [headers] = await once(session.request({ ':path': '/health/live' }), 'response');
  expect(headers[':status']).toBe(415);
});

test('a node that closes says so for as long as it does, and takes nobody else', async () => {
  const session = await openSession();
  // A call that its client never ends keeps the node from being gone at once.
  const call = session.request({
    ':method': 'POST',
    ':path': streamsGrpc.StreamsService.batchAppend.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', () => {});
  call.write(Buffer.alloc(5));
  await ping(session);
  const [early, late] = [await openSocket(), await openSocket()];
  const answered = once(early, 'data');
  const refused = once(late, 'close');
  const closed = node.close();
  early.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
  late.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  expect(String(await answered)).toMatch(/^HTTP\/1\.1 503 /);
  await refused;
  await closed;
});

test('closing ends the connections that never said anything', async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, openSocket));
  const ended = sockets.map((socket) => once(socket, 'close'));
  sockets[0]?.write('GET /health');
  sockets[1]?.write('PRI * HT');
  await ask('/health/live');
  await node.close();
  await Promise.all(ended);
});

test('who says nothing, or does not come to an end, loses the connection', async () => {
  const plainHttp = plainHttpServer(() => true);
  const handedOn: Socket[] = [];
  const protocols = {
    http1: (socket: Socket) => plainHttp.emit('connection', socket),
    http2: (socket: Socket) => handedOn.push(socket),
  };
  const listener = await listen({ host: '127.0.0.1', port: 0 }, undefined, protocols, 50);
  cleanups.unshift(() => listener.close());
  const say = async (text: string): Promise<unknown> => {
    const socket = connect(listener.port, '127.0.0.1').resume();
    cleanups.unshift(() => socket.destroy());
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    socket.write(text);
    return closed;
  };
  void say('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await Promise.all(['', 'PRI * HT', 'GET /health', 'GET / HTTP/1.1\r\nHost: x\r\n'].map(say));
  expect(handedOn.map((socket) => socket.destroyed)).toEqual([false]);
});

test('a port that is taken is refused by name', async () => {
  const dataDir = await temporaryDirectory();
  cleanups.push(() => rm(dataDir, { recursive: true }));
  await expect(startEventStoreNode({ dataDir, port: node.port })).rejects.toThrow(
    `Port ${node.port} of 127.0.0.1 is in use (EADDRINUSE). Stop its owner, or choose another.`,
  );
});
