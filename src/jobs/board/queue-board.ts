import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AdministrationToken } from '../../http/administration.guard.js';
import type { JobQueues } from '../job-queues.js';
import { withoutSecrets } from '../without-secrets.js';
import { isAdministrator, isFromOurPages } from './board-login.js';

export const BOARD_PATH = '/admin/queues';
const UI = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'));
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * What may be done on the board: jobs come sooner, again, or not for now. Nothing that drops or rewrites one, since jobs of the
 * ledger carry charges; what has been given up is forgotten by way of the dead letters.
 */
const MAY_BE_DONE =
  /\/api\/queues\/(?:(?:[^/]+\/)?(?:pause|resume)|[^/]+\/(?:promote|retry\/failed)|[^/]+\/[^/]+\/(?:retry|promote))$/;

/** Its pages run their own scripts alone, and nobody else shows them. Its library sets styles in the pages. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
    "connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/**
 * The board of the queues under `BOARD_PATH`, for who has the administration token: also its scripts and pictures. Not waited for: the
 * server loads it as it starts to listen. Waited for, it would begin to start at once, and give all routes that follow the
 * framework's own handler of errors, since ours is set after them.
 */
export function openQueueBoard(server: FastifyInstance, queues: JobQueues, token: AdministrationToken): void {
  const board = new FastifyAdapter();
  createBullBoard({
    queues: queues.all().map((queue) => new BullMQAdapter(queue)),
    serverAdapter: board,
    options: { uiBasePath: UI, uiConfig: { boardTitle: 'Queues', hideRedisDetails: true } },
  });
  board.setBasePath(BOARD_PATH);
  void server.register(
    async (scope) => {
      scope.addHook('onRequest', async (request, reply) => enter(request, reply, token));
      // Whatever a job carries or failed with passes here.
      scope.addHook('preSerialization', async (_request, _reply, payload) => withoutSecrets(payload));
      await scope.register(board.registerPlugin() as never);
    },
    { prefix: BOARD_PATH },
  );
}

function enter(request: FastifyRequest, reply: FastifyReply, token: AdministrationToken): FastifyReply | undefined {
  void reply.headers(HEADERS);
  if (!isAdministrator(request, token)) {
    return reply
      .status(401)
      .header('www-authenticate', 'Basic realm="queues", charset="UTF-8"')
      .send(problem('invalid_api_key', 'The board of the queues needs the administration token, as bearer or as password'));
  }
  // Its library tells what PostgreSQL has against such a name.
  if (request.url.includes('%00')) return reply.status(400).send(problem('invalid_request', 'No job has such a name'));
  if (READS.has(request.method)) return undefined;
  if (!isFromOurPages(request)) return reply.status(403).send(problem('cross_origin', 'Only the board itself may ask for this'));
  const [path = ''] = request.url.split('?');
  if (!MAY_BE_DONE.test(path))
    return reply
      .status(403)
      .send(problem('not_on_the_board', 'Jobs are not dropped, made or rewritten here: a job may be a charge'));
  return undefined;
}

/** The board's pages show `error`; everybody else reads it as everywhere. */
const problem = (code: string, message: string): object => ({ error: { code, message }, message });
