import type { Socket } from 'node:net';
import { buildConnector, errors, Pool } from 'undici';
import { Exchange, type Receiver } from './exchange.js';

export interface UpstreamSettings {
  /** The API's base; its path precedes the path of every call. */
  readonly baseUrl: string;
  /** Until a connection stands, TLS included. */
  readonly connectTimeoutMs: number;
  /** Until the first byte, and from each byte to the next. */
  readonly idleTimeoutMs: number;
  /** Calls beyond these wait, at most for the idle timeout. */
  readonly connectionsMax?: number;
}

/**
 * One provider's HTTP server and the connections kept to it. A POST is sent at most once: nothing is retried and no redirect
 * is followed. An idle connection is given up after 4 s (or 2 s before the server's own `Keep-Alive` hint), because a
 * server that closes first – uvicorn does after 5 s, without saying so – takes with it a request that may or may not have counted.
 */
export class Upstream {
  /** Hidden: its queue holds headers, and these the key. */
  readonly #pool: Pool;
  private readonly basePath: string;
  private readonly query: string;
  private readonly idleTimeoutMs: number;

  constructor(settings: UpstreamSettings) {
    const { origin, pathname, search } = new URL(settings.baseUrl);
    this.basePath = pathname.replace(/\/+$/, '');
    this.query = search;
    this.idleTimeoutMs = settings.idleTimeoutMs;
    this.#pool = new Pool(origin, {
      connect: connectorWithTimeout(settings.connectTimeoutMs),
      connections: settings.connectionsMax ?? 1024,
      pipelining: 1,
      keepAliveTimeout: 4_000,
      // The exchange keeps time itself: undici's timers are half a second coarse and do not run while a call waits in the queue.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** @param headers names and values in turn */
  post(path: string, headers: string[], body: string, receiver: Receiver): Exchange {
    const exchange = new Exchange(receiver, this.idleTimeoutMs);
    this.#pool.dispatch({ method: 'POST', path: this.basePath + path + this.query, headers, body }, exchange);
    return exchange;
  }

  /** Cuts what is open. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

function connectorWithTimeout(timeoutMs: number): buildConnector.connector {
  // Typed as returning nothing, but it returns the socket, which is what there is to destroy.
  const connect = buildConnector({ timeout: 0 }) as unknown as (...parameters: Parameters<buildConnector.connector>) => Socket;
  return (options, callback) => {
    const giveUp = setTimeout(() => socket.destroy(new errors.ConnectTimeoutError()), timeoutMs).unref();
    const socket = connect(options, (...result) => {
      clearTimeout(giveUp);
      callback(...result);
    });
  };
}
