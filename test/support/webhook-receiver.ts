/** Takes webhooks over a real socket, and answers as it is told to. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TakenWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface WebhookReceiver {
  readonly url: string;
  /** All that has come, in order, whatever was answered. */
  readonly taken: readonly TakenWebhook[];
  /** The statuses of the next answers; 204 where none is left. */
  readonly answers: number[];
  /** Resolves with the first webhook for which this holds, also one that has come before. */
  first(isIt: (webhook: TakenWebhook) => boolean): Promise<TakenWebhook>;
  close(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const taken: TakenWebhook[] = [];
  const answers: number[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => {
      body += text;
    });
    request.on('end', () => {
      taken.push({ headers: request.headers, body });
      response.writeHead(answers.shift() ?? 204).end();
      for (const look of waiting) look();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    taken,
    answers,
    first: (isIt) =>
      new Promise((resolve) => {
        const look = () => {
          const found = taken.find(isIt);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
