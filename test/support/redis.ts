/**
 * A real Redis server in a process of its own: the machine's, or Debian's package where this may install it. Undefined where neither
 * is possible; the test that asked is then skipped, and says so.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

const INSTALL_WITHIN_MS = 120_000;

export interface RedisServer {
  readonly url: string;
  stop(): Promise<void>;
}

export const redisIsHere = (): boolean => isInstalled() || (mayInstall() && installed());

/** Starts a server that keeps nothing. Throws where it does not start. */
export async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`redis-server ended: ${said.slice(-1_000)}`)));
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
    },
  };
}

const isInstalled = (): boolean => spawnSync('redis-server', ['--version']).status === 0;
const mayInstall = (): boolean => process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;

function installed(): boolean {
  const options = { timeout: INSTALL_WITHIN_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () => spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], options).status === 0;
  return (install() || (spawnSync('apt-get', ['update'], options).status === 0 && install())) && isInstalled();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
