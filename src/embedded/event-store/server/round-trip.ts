import type { Http2Session } from 'node:http2';

/** Who waits for the ping after the one that is under way. */
const waiting = new WeakMap<Http2Session, (() => void)[]>();

/**
 * Calls back when the other side has answered a ping that was sent after this call, so that all has come that it had sent by the time
 * when it read the ping; or when the session has ended. A session has one ping under way for all who ask.
 */
export function afterRoundTrip(session: Http2Session, then: () => void): void {
  const next = waiting.get(session);
  if (next) next.push(then);
  else ping(session, [then]);
}

function ping(session: Http2Session, asking: readonly (() => void)[]): void {
  const next: (() => void)[] = [];
  waiting.set(session, next);
  const done = (): void => {
    for (const then of asking) then();
    if (next.length > 0) ping(session, next);
    else waiting.delete(session);
  };
  if (session.destroyed) done();
  else session.ping(done);
}
