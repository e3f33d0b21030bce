/**
 * The floor to compare with: Fastify and undici relaying bytes, and nothing else. No key, no JSON, no ledger.
 * Takes PORT and OPENAI_BASE_URL as the server does, and so can stand in for it while a benchmark is written.
 */
import Fastify from 'fastify';
import { Pool } from 'undici';

const upstream = new URL(`${process.env.OPENAI_BASE_URL}/chat/completions`);
const headers = { authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'content-type': 'application/json' };
const pool = new Pool(upstream.origin, { keepAliveTimeout: 60_000 });

const app = Fastify({ keepAliveTimeout: 120_000 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/health/ready', (_request, reply) => reply.send({ status: 'ok' }));
app.post('/v1/chat/completions', async (request, reply) => {
  const answer = await pool.request({ path: upstream.pathname, method: 'POST', headers, body: request.body as Buffer });
  reply.code(answer.statusCode);
  for (const name of ['content-type', 'content-length']) {
    const value = answer.headers[name];
    if (value !== undefined) reply.header(name, value);
  }
  return reply.send(answer.body);
});

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
