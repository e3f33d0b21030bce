import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { ROLES, readConfiguration } from '../../src/configuration.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(`${root}${file}`, 'utf8');
const packageJson = JSON.parse(read('package.json')) as { engines: { node: string }; scripts: Record<string, string> };

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { readonly condition: string }>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly command?: readonly string[];
}
interface Compose {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
}

describe('docker-compose.yml', () => {
  const compose = parseYaml(read('docker-compose.yml')) as Compose;
  const ours = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);
  const environment = { ADMIN_TOKEN: 'a-token-for-this-test' };

  test('runs every role once, from the one image', () => {
    expect(ours.map(([name, service]) => [name, service.environment?.['ROLES']])).toEqual(ROLES.map((role) => [role, role]));
    expect(new Set(ours.map(([, { image, build }]) => `${image} ${build}`))).toEqual(new Set(['mcphub-llm-api .']));
  });

  test('gives the program a configuration that it accepts, with servers for everything', () => {
    for (const [role, service] of ours) {
      const configuration = readConfiguration(interpolated(service.environment ?? {}, environment));
      expect([...configuration.ROLES]).toEqual([role]);
      expect(configuration.ADMIN_TOKEN).toBe(environment.ADMIN_TOKEN);
      for (const url of [configuration.EVENTSTORE_URL, configuration.DATABASE_URL, configuration.REDIS_URL]) {
        expect(compose.services).toHaveProperty(new URL(url as string).hostname);
      }
    }
  });

  test('does not start without an administration token', () => {
    for (const [, service] of ours) {
      expect(() => interpolated(service.environment ?? {}, {})).toThrow(/ADMIN_TOKEN/);
    }
  });

  test('knows no variable that the program does not read', () => {
    const known = read('src/configuration.ts');
    for (const [, service] of ours)
      for (const name of Object.keys(service.environment ?? {})) expect(known).toContain(`${name}:`);
  });

  test('starts the program when its servers are healthy, and restarts whatever ends', () => {
    for (const [, service] of ours) {
      expect(service.depends_on).toEqual({
        eventstore: { condition: 'service_healthy' },
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
      });
    }
    for (const [name, service] of Object.entries(compose.services)) {
      expect([name, service.restart]).toEqual([name, 'unless-stopped']);
      expect([name, service.healthcheck?.test[0]]).toEqual([name, 'CMD']);
      for (const argument of service.healthcheck?.test ?? []) expect(typeof argument).toBe('string');
    }
  });

  test('opens the port of the API and no other', () => {
    const open = Object.entries(compose.services).flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    expect(open).toEqual([['api', '$' + '{API_PORT:-8080}:8080']]);
  });

  test('keeps the data of every server in a named volume', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]));
    expect([...mounted].sort()).toEqual(Object.keys(compose.volumes).sort());
    for (const server of ['eventstore', 'postgres', 'redis']) expect(compose.services[server]?.volumes).not.toBeUndefined();
  });

  test('lets Redis keep the job queue: on disk, nothing evicted', () => {
    expect(compose.services['redis']?.command).toEqual(expect.arrayContaining(['--appendonly', 'yes', 'noeviction']));
  });

  test('asks the program whether it is ready', async () => {
    for (const [, service] of ours) {
      const [, program, ...script] = service.healthcheck?.test ?? [];
      expect(program).toBe('node');
      expect(await probed(script, '8080')).toEqual({ '/health/ready': { 200: 0, 503: 1 } });
    }
  });

  const composeHere = composeCommand();
  (composeHere ? test : test.skip)('is what Docker Compose itself understands (skipped where it is not installed)', () => {
    const [program, ...args] = composeHere as [string, ...string[]];
    const check = [...args, '-f', `${root}docker-compose.yml`, 'config', '--quiet'];
    execFileSync(program, check, { env: { ...process.env, ...environment }, stdio: 'pipe' });
  });
});

describe('Dockerfile', () => {
  const instructions = parseDockerfile(read('Dockerfile'));
  const final = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const argumentOf = (name: string) => final.find((instruction) => instruction.name === name)?.argument;

  test('has only instructions that there are', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'HEALTHCHECK', 'CMD'];
    for (const { name } of instructions) expect(known).toContain(name);
  });

  test('builds and runs on a Node that the program supports', () => {
    const images = instructions.filter(({ name }) => name === 'FROM').map(({ argument }) => argument.split(' ')[0] ?? '');
    expect(new Set(images).size).toBe(1);
    const major = Number(/^node:(\d+)-bookworm-slim$/.exec(images[0] ?? '')?.[1]);
    expect(major).toBeGreaterThan(Number(/\d+/.exec(packageJson.engines.node)?.[0]));
  });

  test('starts what npm start starts, without npm in between', () => {
    const command = JSON.parse(argumentOf('CMD') ?? '') as string[];
    expect(packageJson.scripts['start']?.replace(/^exec /, '')).toBe(command.join(' '));
  });

  test('runs as an ordinary user that owns the data', () => {
    expect(argumentOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(argumentOf('ENV')).toContain(`DATA_DIR=${argumentOf('VOLUME')}`);
    expect(final.findIndex(({ name }) => name === 'USER')).toBeGreaterThan(final.findIndex(({ name }) => name === 'RUN'));
  });

  test('listens on the port that it exposes, on every interface', () => {
    const variables = Object.fromEntries((argumentOf('ENV') ?? '').split(' ').map((pair) => pair.split('=')));
    const { HOST, PORT } = readConfiguration(variables);
    expect({ HOST, PORT }).toEqual({ HOST: '0.0.0.0', PORT: Number(argumentOf('EXPOSE')) });
  });

  test('asks the program whether it lives', async () => {
    const command = JSON.parse(argumentOf('HEALTHCHECK')?.replace(/^.*? CMD /, '') ?? '') as string[];
    expect(command[0]).toBe('node');
    expect(await probed(command.slice(1), undefined)).toEqual({ '/health/live': { 200: 0, 503: 1 } });
  });

  test('copies only what is there and what .dockerignore lets in', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copies = instructions.filter(({ name, argument }) => name === 'COPY' && !argument.startsWith('--from'));
    for (const { argument } of copies) {
      for (const source of argument.split(' ').slice(0, -1)) {
        expect(existsSync(`${root}${source}`)).toBe(true);
        expect(allowed.some((path) => path.startsWith(source) || path === source.replace(/\/$/, ''))).toBe(true);
      }
    }
  });
});

/** js-yaml has no types and comes as CommonJS. */
function parseYaml(text: string): unknown {
  return (createRequire(import.meta.url)('js-yaml') as { load(text: string): unknown }).load(text);
}

/** Instructions with their arguments; continued lines joined, comments left out. */
function parseDockerfile(text: string): { name: string; argument: string }[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const logical = lines
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  return logical
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', argument = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { name, argument };
    });
}

/** Compose's interpolation of `${NAME:-default}` and `${NAME:?message}`; throws where a required one is missing. */
function interpolated(values: Record<string, string>, variables: Record<string, string>): Record<string, string> {
  const one = (text: string) =>
    text.replace(/\$\{(\w+)(:[-?])([^}]*)\}/g, (_, name: string, operator: string, rest: string) => {
      const value = variables[name];
      if (value === undefined && operator === ':?') throw new Error(`${name}: ${rest}`);
      return value ?? rest;
    });
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, one(value)]));
}

/** Runs a health check against a server that answers 200, then 503: the paths that it asks for and its exit statuses. */
async function probed(
  args: readonly string[],
  portInScript: string | undefined,
): Promise<Record<string, Record<number, number>>> {
  const outcomes: Record<string, Record<number, number>> = {};
  for (const status of [200, 503]) {
    let path = '';
    const server = createServer((request, response) => {
      path = request.url ?? '';
      response.writeHead(status, { connection: 'close' }).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const port = String((server.address() as AddressInfo).port);
    const script = args.map((argument) => (portInScript ? argument.replace(portInScript, port) : argument));
    const child = spawn(process.execPath, script, { env: { ...process.env, NODE_OPTIONS: '', PORT: port } });
    const [code] = (await once(child, 'exit')) as [number];
    server.close();
    outcomes[path] = { ...outcomes[path], [status]: code };
  }
  return outcomes;
}

function composeCommand(): string[] | undefined {
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    const [program, ...args] = command as [string, ...string[]];
    try {
      // Version 1 had other rules than today's specification.
      if (/\bv?[2-9]\d*\.\d+/.test(execFileSync(program, [...args, 'version', '--short'], { stdio: 'pipe' }).toString()))
        return command;
    } catch {
      // not there
    }
  }
  return undefined;
}
