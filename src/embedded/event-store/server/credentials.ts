/** Names and passwords, asked once for each call: the messages of an open call pass without a question. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { CallError } from './response-stream.js';

/** Password by name. */
export type Users = ReadonlyMap<string, string>;

/** What EventStoreDB answers to a call without credentials, and to one with wrong ones. */
const ACCESS_DENIED: CallError = { code: status.PERMISSION_DENIED, details: 'Access Denied', metadata: new Metadata() };
ACCESS_DENIED.metadata?.set('exception', 'access-denied');
const UNAUTHENTICATED: CallError = { code: status.UNAUTHENTICATED, details: 'Unauthenticated' };

/** Clients call the methods with the open paths before they show who they are. Throws when a user could never log in. */
export function requireCredentials(users: Users, openPaths: readonly string[]): ServerInterceptor {
  const isKnown = passwordCheck(users);
  const refusalOf = (path: string, metadata: Metadata): CallError | undefined => {
    const [authorization] = metadata.get('authorization');
    const credentials = basicCredentials(authorization);
    if (!credentials) return openPaths.includes(path) ? undefined : ACCESS_DENIED;
    return isKnown(credentials) ? undefined : UNAUTHENTICATED;
  };
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            const refusal = refusalOf(path, metadata);
            if (refusal) call.sendStatus(refusal);
            else proceed(metadata);
          },
        }),
    });
}

interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Undefined where there are none: another scheme is as good as none to EventStoreDB. */
function basicCredentials(authorization: string | Buffer | undefined): Credentials | undefined {
  const [, encoded] = /^Basic (.*)$/.exec(String(authorization ?? '')) ?? [];
  if (encoded === undefined) return undefined;
  const [, name = '', password = ''] = /^([^:]*):?(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return { name, password };
}

/** Takes the same time for an unknown user as for a wrong password, whatever their lengths. Keeps no password. */
function passwordCheck(users: Users): (credentials: Credentials) => boolean {
  if (users.size === 0) throw new Error('users: nobody could use the event store. Name at least one user, or leave users out.');
  const key = randomBytes(32);
  const digestOf = (password: string): Buffer => createHmac('sha256', key).update(password).digest();
  const digests = new Map<string, Buffer>();
  for (const [name, password] of users) {
    if (!name || name.includes(':'))
      throw new Error(`users: "${name}" cannot be a name. It must not be empty nor contain a colon.`);
    if (!password) throw new Error(`users: "${name}" has no password.`);
    digests.set(name, digestOf(password));
  }
  const nobody = randomBytes(32);
  return ({ name, password }) => timingSafeEqual(digestOf(password), digests.get(name) ?? nobody);
}
