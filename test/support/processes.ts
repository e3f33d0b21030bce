/** The program and its processes for a test that breaks them. Importing this module registers an `afterEach` that closes all. */
import { afterEach } from '@jest/globals';
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from './fake-upstream.js';
import { type Gateway, startGateway } from './gateway.js';

const closings: (() => unknown)[] = [];

/** Passes on what a test has opened, to be closed after it, last opened first, also where the test fails. */
export function later<T>(opened: T, close: (opened: T) => unknown): T {
  closings.push(() => close(opened));
  return opened;
}

afterEach(async () => {
  const failures: unknown[] = [];
  for (const close of closings.splice(0).reverse()) {
    // What cannot be closed must not leave the rest running, or frozen.
    await Promise.resolve()
      .then(close)
      .catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
});

export async function start(
  behaviour: FakeUpstreamOptions = {},
  env: Record<string, string> = {},
): Promise<{ upstream: FakeUpstream; gateway: Gateway }> {
  const upstream = later(await startFakeUpstream(behaviour), (each) => each.close());
  const gateway = later(await startGateway({ upstream, env: { LOG_LEVEL: 'warn', ...env } }), (each) => each.dispose());
  return { upstream, gateway };
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Until it is thawed, at the latest when the test ends. */
export function freeze(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  later(pid, () => isRunning(pid) && process.kill(pid, 'SIGCONT'));
}
