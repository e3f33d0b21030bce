import 'reflect-metadata';
import './postgres-clients.js';
import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppModule, type Connections } from './app.module.js';
import type { Configuration } from './configuration.js';
import { ApiErrorFilter, fromStatus } from './http/api-error.filter.js';
import { errorBody } from './http/error-body.js';
import { NestLog } from './http/logging.js';
import { Metrics } from './http/metrics.controller.js';

const BODY_MAX_BYTES = 20 * 1024 * 1024;
/** Above the idle timeout of usual load balancers, so that they and not we close an idle connection. */
const KEEP_ALIVE_MS = 75_000;
/** Above the longest id; what is longer is no route. */
const PATH_PARAMETER_MAX = 200;
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/** Builds the HTTP server of this process and listens. */
export async function startServer(
  configuration: Configuration,
  connections: Connections,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_MAX_BYTES,
    routerOptions: { maxParamLength: PATH_PARAMETER_MAX },
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    frameworkErrors: (error: { statusCode?: number; code?: string }, request: FastifyRequest, reply: FastifyReply) => {
      const { statusCode = 400, code } = error;
      void reply.status(statusCode).send(errorBody(fromStatus(statusCode, request, code), request.url, request.id));
    },
    genReqId: (request: { headers: Record<string, unknown> }) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(configuration, connections), adapter, {
    logger: new NestLog(logger),
    bodyParser: false,
    abortOnError: false,
  });
  // JSON, and files of figures: what else Fastify would read, nobody here expects.
  adapter.getInstance().removeContentTypeParser('text/plain');
  adapter.getInstance().addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.useGlobalFilters(new ApiErrorFilter());
  observe(app, logger);
  await app.listen(configuration.PORT, configuration.HOST);
  return app;
}

/** One line in the log and one observation for each answer. */
function observe(app: NestFastifyApplication, logger: Logger): void {
  const metrics = app.get(Metrics);
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    reply.header('x-request-id', request.id);
    done();
  });
  server.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const route = request.routeOptions.url ?? 'unknown';
    const status = reply.raw.statusCode;
    metrics.request(route, status, reply.elapsedTime / 1000);
    logger.info({
      requestId: request.id,
      method: request.method,
      route,
      status,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      accountId: request.principal?.accountId,
    });
    done();
  });
}
