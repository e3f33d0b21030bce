import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { callerLeft, type Provider, ProviderError } from '../../src/providers/provider.js';
import { isCircuitOpen, RouteHealth } from '../../src/providers/route-health.js';

const provider = { id: 'p', name: 'P' } as Provider;
const failing = (failure: ProviderError['failure'] = 'unavailable') =>
  new ProviderError(failure, 'x', { provider: 'P', status: 500 });

/** Calls the route, and says who answered: the route, its breaker, or the route's failure. */
async function outcome(health: RouteHealth, call: () => Promise<void>): Promise<'answered' | 'rests' | 'failed'> {
  try {
    await health.call(provider, 'm', call);
    return 'answered';
  } catch (error) {
    return error instanceof ProviderError && isCircuitOpen(error) ? 'rests' : 'failed';
  }
}
const answers = async () => undefined;
const failsWith = (error: ProviderError) => () => Promise.reject(error);
const fails = failsWith(failing());

async function opened(): Promise<RouteHealth> {
  const health = new RouteHealth();
  for (let call = 0; call < 20; call++) await outcome(health, fails);
  expect(health.isFailing(provider, 'm')).toBe(true);
  return health;
}

const later = (milliseconds: number) => {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + milliseconds);
};
afterEach(() => {
  jest.restoreAllMocks();
});

describe('a route that fails', () => {
  test('is not called while it rests', async () => {
    expect(await outcome(await opened(), answers)).toBe('rests');
  });

  test('is tried after that, and called again once it answers', async () => {
    const health = await opened();
    later(60_000);
    expect(health.isFailing(provider, 'm')).toBe(false);
    expect([await outcome(health, answers), await outcome(health, answers)]).toEqual(['answered', 'answered']);
  });

  test('rests again where it still fails', async () => {
    const health = await opened();
    later(60_000);
    expect([await outcome(health, fails), await outcome(health, answers)]).toEqual(['failed', 'rests']);
  });

  test('is tried by one call alone: the others go elsewhere and do not wait', async () => {
    const health = await opened();
    later(60_000);
    let end: () => void = () => undefined;
    const trying = outcome(health, () => new Promise((resolve) => (end = resolve)));
    expect([health.isFailing(provider, 'm'), await outcome(health, answers)]).toEqual([true, 'rests']);
    end();
    expect(await trying).toBe('answered');
    expect(await outcome(health, answers)).toBe('answered');
  });
});

test.each([
  ['refuses requests', failing('refused')],
  ['is left by its callers', callerLeft('P')],
])('a route that %s is called on', async (_, error) => {
  const health = new RouteHealth();
  for (let call = 0; call < 50; call++) await outcome(health, failsWith(error));
  expect(await outcome(health, answers)).toBe('answered');
});

test('a few failures among many answers say nothing', async () => {
  const health = new RouteHealth();
  for (let call = 0; call < 100; call++) await outcome(health, call % 5 === 0 ? fails : answers);
  expect(await outcome(health, answers)).toBe('answered');
});
