/** Another route, or another model, in place of one that fails before a byte was served: one reservation, charged once, by who served. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { gate } from '../support/fake-upstream.js';
import type { Customer } from '../support/gateway.js';
import type { AccountAudit } from '../support/ledger-audit.js';
import { ledger } from '../support/ledger-command.js';
import { INPUT, type Kind, OUTPUT, WIRES } from '../support/provider-faults-wires.js';
import {
  askAndLeave,
  askFor,
  costOf,
  type Fault,
  onlyReservation,
  type Prices,
  type ProviderId,
  type Replied,
  startWorld,
  type World,
} from './provider-world.js';
import { asCredits, scaled, sumOf } from './traffic.js';

const IDLE_MS = 3_000;
const GRANTED = 10n ** 9n;
const CHEAP: Prices = { prompt: '0.000000123457', completion: '0.000000987653', input_cache_read: '0.000000011113' };
const DEAR: Prices = { prompt: '0.000007654321', completion: '0.000019876543', input_cache_read: '0.000001234567' };
const SERVED = { ...INPUT, ...OUTPUT };
const UPSTREAM = {
  openai: 'gpt-4o-mini',
  deepseek: 'deepseek-chat',
  anthropic: 'claude-3-haiku',
  gemini: 'gemini-2.0-flash',
  acme: 'qwen3',
};

let world: World;
let agent: Agent;
let names = 0;
const customers: Customer[] = [];
/** What every account must have paid in the end. */
let owed = 0n;

beforeAll(async () => {
  world = await startWorld({ PROVIDER_IDLE_TIMEOUT_MS: String(IDLE_MS) });
  agent = new Agent();
});
afterAll(async () => {
  await agent?.close();
  await world?.close();
});

interface Setting {
  readonly name: string;
  readonly customer: Customer;
  readonly calls: (provider: ProviderId) => number;
  readonly ask: (extra: object, stream?: boolean) => Promise<Replied>;
  readonly audit: () => Promise<AccountAudit>;
}

/** A name, an account, and a model for each list of routes: `faults/<name>0`, … */
async function setting(models: readonly [Prices, ...ProviderId[]][], credits = GRANTED): Promise<Setting> {
  const name = `case-${names++}-`;
  for (const [index, [prices, ...providers]] of models.entries()) {
    const routes = providers.map((provider) => ({ provider, upstream_model: `${UPSTREAM[provider]}-${name}${index}` }));
    await world.publish(`faults/${name}${index}`, { default_completion_tokens: 200, prices, routes });
  }
  const customer = await world.gateway.admin.openCustomer({ credits: asCredits(credits) });
  customers.push(customer);
  return {
    name,
    customer,
    calls: (provider) => world.relays[provider].callsOf(name).length,
    ask: (extra, stream = false) => askFor(world, agent, { key: customer.key, name, stream, extra }),
    audit: () => world.ledgerOf(customer.userId),
  };
}

const modelOf = ({ name }: Setting, index = 0) => `faults/${name}${index}`;

/** Checks that the account paid what was served once, at these prices, and nothing else; returns the facts. */
function paid(audit: AccountAudit, prices: Prices) {
  const facts = onlyReservation(audit);
  expect(facts.end.type).toBe('ReservationSettled');
  const { cost, usage, outcome, shortfall } = facts.end.data;
  expect([usage.source, outcome, usage.anomalies, shortfall]).toEqual(['provider', 'completed', undefined, '0']);
  expect([BigInt(cost.rounded), audit.spent]).toEqual([costOf(SERVED, prices), costOf(SERVED, prices)]);
  owed += audit.spent;
  return facts;
}

function unpaid(audit: AccountAudit, reason = 'provider_error') {
  const facts = onlyReservation(audit);
  expect([facts.end.type, facts.end.data.reason, audit.spent]).toEqual(['ReservationReleased', reason, 0n]);
  return facts;
}

const errorFirst = (kind: Kind): Fault => ({ edit: () => [WIRES[kind].errorEvent] });

/** Everything that can go wrong ahead of the first byte: how it is told in the evidence, and whether only a stream fails so. */
const FAULTS: readonly [title: string, fault: Fault, failure: string, status: number, streams?: boolean][] = [
  ['429', { status: 429 }, 'rate_limited', 429],
  ['429 with Retry-After', { status: 429, retryAfter: '1' }, 'rate_limited', 429],
  ['500', { status: 500 }, 'unavailable', 500],
  ['503', { status: 503 }, 'overloaded', 503],
  ['529', { status: 529 }, 'overloaded', 529],
  ['401', { status: 401 }, 'credentials', 401],
  ['reset', { unanswered: 'reset' }, 'unavailable', 0],
  ['silence', { unanswered: 'silent' }, 'timeout', 0],
  ['closed behind the headers', { bytes: () => 0, ending: 'cut' }, 'unavailable', 200],
  ['silence behind the headers', { bytes: () => 0, ending: 'silent' }, 'timeout', 200],
  ['a 200, and the end', { bytes: () => 0 }, 'unavailable', 200],
  ['an error in place of an answer', errorFirst('openai'), 'unavailable', 200, true],
  ['no event', { edit: () => ['data: {"cho\n\n'] }, 'unavailable', 200],
];

describe.each([false, true])('the first route fails, stream: %s', (stream) => {
  const faults = FAULTS.filter(([, , , , streams]) => stream || !streams);

  test.concurrent.each(faults)('%s: the second serves', async (_title, fault, failure, status) => {
    const here = await setting([[CHEAP, 'openai', 'acme']]);
    world.breaks('openai', here.name, () => fault);
    const replied = await here.ask({ model: modelOf(here) }, stream);
    expect([replied.status, replied.error]).toEqual([200, undefined]);
    expect([here.calls('openai'), here.calls('acme')]).toEqual([1, 1]);
    const { end, extensions } = paid(await here.audit(), CHEAP);
    expect(extensions).toEqual([]);
    expect(end.data.attempts).toEqual([
      { provider: 'openai', upstreamModel: `gpt-4o-mini-${here.name}0`, status, failure },
      { provider: 'acme', upstreamModel: `qwen3-${here.name}0`, status: 200, upstreamId: expect.any(String) },
    ]);
  });
});

test.each<[ProviderId, ProviderId]>([
  ['anthropic', 'gemini'],
  ['gemini', 'anthropic'],
  ['deepseek', 'openai'],
  ['acme', 'deepseek'],
])('a stream of %s that begins with an error is served by %s', async (first, second) => {
  const here = await setting([[CHEAP, first, second]]);
  world.breaks(first, here.name, () => errorFirst(first === 'acme' ? 'openai' : first));
  const replied = await here.ask({ model: modelOf(here) }, true);
  expect([replied.status, replied.error]).toEqual([200, undefined]);
  const { end } = paid(await here.audit(), CHEAP);
  expect(end.data.attempts.map(({ provider, failure }: { provider: string; failure?: string }) => [provider, failure])).toEqual([
    [first, expect.any(String)],
    [second, undefined],
  ]);
});

describe('nobody else is asked', () => {
  test.each<ProviderId>(['openai', 'anthropic', 'gemini'])('once %s has served a byte', async (provider) => {
    const here = await setting([[CHEAP, provider, 'acme']]);
    // With the first event of OpenAI and Anthropic the client learns who speaks, and no text.
    world.breaks(provider, here.name, () => ({ edit: (pieces) => [...pieces.slice(0, 1), WIRES[provider as Kind].errorEvent] }));
    const replied = await here.ask({ model: modelOf(here) }, true);
    expect([replied.status, replied.error]).toEqual([200, expect.anything()]);
    expect([here.calls(provider), here.calls('acme')]).toEqual([1, 0]);
    const { end } = onlyReservation(await here.audit());
    if (provider === 'gemini') {
      expect([end.type, end.data.outcome]).toEqual(['ReservationSettled', 'cut']);
      owed += BigInt(end.data.cost.rounded);
    } else {
      expect([end.type, end.data.reason]).toEqual(['ReservationReleased', 'provider_error']);
      expect(end.data.attempts).toEqual([expect.objectContaining({ provider, status: 200, failure: expect.any(String) })]);
    }
  });

  test('where the request itself was refused', async () => {
    const here = await setting([[CHEAP, 'openai', 'acme']]);
    world.breaks('openai', here.name, () => ({ status: 400 }));
    const replied = await here.ask({ model: modelOf(here) });
    expect([replied.status, here.calls('acme')]).toEqual([400, 0]);
    const { end } = unpaid(await here.audit(), 'refused');
    expect(end.data.attempts).toEqual([expect.objectContaining({ provider: 'openai', status: 400, failure: 'refused' })]);
  });

  test('where all have failed: all of them are told, nothing is charged', async () => {
    const here = await setting([[CHEAP, 'openai', 'acme', 'gemini']]);
    world.breaks('openai', here.name, () => ({ status: 500 }));
    world.breaks('acme', here.name, () => ({ status: 429 }));
    world.breaks('gemini', here.name, () => ({ status: 503 }));
    const replied = await here.ask({ model: modelOf(here) });
    expect([replied.status, replied.error.metadata]).toEqual([
      503,
      expect.objectContaining({
        provider_name: 'Google',
        previous_errors: [
          { provider: 'openai', code: 500, failure: 'unavailable' },
          { provider: 'acme', code: 429, failure: 'rate_limited' },
        ],
      }),
    ]);
    const { end } = unpaid(await here.audit());
    expect(end.data.attempts.map(({ failure }: { failure: string }) => failure)).toEqual([
      'unavailable',
      'rate_limited',
      'overloaded',
    ]);
  });
});

describe.each([false, true])('another model, stream: %s', (stream) => {
  const failing: Fault = { status: 503 };

  test('a dearer one serves: held for, and charged at its prices', async () => {
    const here = await setting([
      [CHEAP, 'openai'],
      [DEAR, 'acme'],
    ]);
    world.breaks('openai', here.name, () => failing);
    const replied = await here.ask({ models: [modelOf(here), modelOf(here, 1)], max_tokens: 100 }, stream);
    expect([replied.status, replied.error]).toEqual([200, undefined]);
    const { reserved, extensions, end } = paid(await here.audit(), DEAR);
    expect([end.data.model, end.data.priceVersion]).toEqual([modelOf(here, 1), `${modelOf(here, 1)}@1`]);
    expect(end.data.attempts).toEqual([
      { provider: 'openai', model: modelOf(here), upstreamModel: expect.any(String), status: 503, failure: 'overloaded' },
      {
        provider: 'acme',
        model: modelOf(here, 1),
        upstreamModel: expect.any(String),
        status: 200,
        upstreamId: expect.any(String),
      },
    ]);
    expect(BigInt(reserved.amount)).toBe(worst(reserved.quote, CHEAP));
    expect(extensions.map(({ amount }) => BigInt(amount))).toEqual([worst(reserved.quote, DEAR) - worst(reserved.quote, CHEAP)]);
  });

  test('a cheaper one serves: nothing more is held', async () => {
    const here = await setting([
      [DEAR, 'openai'],
      [CHEAP, 'acme'],
    ]);
    world.breaks('openai', here.name, () => failing);
    expect((await here.ask({ models: [modelOf(here), modelOf(here, 1)], max_tokens: 100 }, stream)).status).toBe(200);
    expect(paid(await here.audit(), CHEAP).extensions).toEqual([]);
  });

  test('one that refuses the request gives way to another, which is not given to the first one’s other routes', async () => {
    const here = await setting([
      [CHEAP, 'openai', 'gemini'],
      [DEAR, 'acme'],
    ]);
    world.breaks('openai', here.name, () => ({ status: 400 }));
    expect((await here.ask({ models: [modelOf(here), modelOf(here, 1)] }, stream)).status).toBe(200);
    expect([here.calls('openai'), here.calls('gemini'), here.calls('acme')]).toEqual([1, 0, 1]);
    paid(await here.audit(), DEAR);
  });

  test('one that the account cannot pay for is passed over, and the next is asked', async () => {
    const here = await setting(
      [
        [CHEAP, 'openai'],
        [DEAR, 'anthropic'],
        [CHEAP, 'acme'],
      ],
      400_000n,
    );
    world.breaks('openai', here.name, () => failing);
    const models = [0, 1, 2].map((index) => modelOf(here, index));
    expect((await here.ask({ models, max_tokens: 100 }, stream)).status).toBe(200);
    expect([here.calls('anthropic'), here.calls('acme')]).toEqual([0, 1]);
    const { extensions, end } = paid(await here.audit(), CHEAP);
    expect([extensions, end.data.model]).toEqual([[], models[2]]);
  });

  test('where the account can pay for no other, the first failure is told and nothing is charged', async () => {
    const here = await setting(
      [
        [CHEAP, 'openai'],
        [DEAR, 'acme'],
      ],
      400_000n,
    );
    world.breaks('openai', here.name, () => failing);
    const replied = await here.ask({ models: [modelOf(here), modelOf(here, 1)], max_tokens: 100 }, stream);
    expect([replied.status, replied.error.metadata.provider_name]).toEqual([503, 'OpenAI']);
    expect(here.calls('acme')).toBe(0);
    const audit = await here.audit();
    const { extensions, end } = unpaid(audit);
    expect([extensions, end.data.attempts.length, audit.available()]).toEqual([[], 1, 400_000n]);
  });
});

/** What a quote comes to: every token of the prompt uncached, every one of the answer generated. */
const worst = (quote: { promptTokensMax: number; completionTokensMax: number }, { prompt, completion }: Prices): bigint => {
  const exact = BigInt(quote.promptTokensMax) * scaled(prompt, 12) + BigInt(quote.completionTokensMax) * scaled(completion, 12);
  return (exact + 999n) / 1_000n;
};

describe('preferences, where OpenAI fails', () => {
  test.each<[object, status: number, openai: number, acme: number]>([
    [{}, 200, 1, 1],
    [{ allow_fallbacks: true }, 200, 1, 1],
    [{ allow_fallbacks: false }, 503, 1, 0],
    [{ allow_fallbacks: false, order: ['openai', 'acme'] }, 200, 1, 1],
    [{ allow_fallbacks: false, order: ['openai'] }, 503, 1, 0],
    [{ order: ['acme'] }, 200, 0, 1],
    [{ order: ['Acme', 'openai'] }, 200, 0, 1],
    [{ only: ['openai'] }, 503, 1, 0],
    [{ only: ['acme'] }, 200, 0, 1],
    [{ ignore: ['openai'] }, 200, 0, 1],
    [{ ignore: ['acme'] }, 503, 1, 0],
  ])('%j', async (provider, status, openai, acme) => {
    const here = await setting([[CHEAP, 'openai', 'acme']]);
    world.breaks('openai', here.name, () => ({ status: 503 }));
    const replied = await here.ask({ model: modelOf(here), provider });
    expect([replied.status, here.calls('openai'), here.calls('acme')]).toEqual([status, openai, acme]);
    if (status === 200) paid(await here.audit(), CHEAP);
    else unpaid(await here.audit());
  });
});

describe('Retry-After of the only route', () => {
  const failingTimes = (times: number, fault: Fault) => (number: number) => (number < times ? fault : undefined);

  test.each([false, true])('is obeyed where it is soon, stream: %s', async (stream) => {
    const here = await setting([[CHEAP, 'openai']]);
    world.breaks('openai', here.name, failingTimes(1, { status: 429, retryAfter: '1' }));
    const started = performance.now();
    expect((await here.ask({ model: modelOf(here) }, stream)).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(1_000);
    expect(here.calls('openai')).toBe(2);
    const { end } = paid(await here.audit(), CHEAP);
    expect(end.data.attempts).toEqual([
      expect.objectContaining({ status: 429, failure: 'rate_limited' }),
      expect.objectContaining({ status: 200, upstreamId: expect.any(String) }),
    ]);
  });

  test.each<[title: string, fault: Fault, calls: number]>([
    ['twice at most', { status: 429, retryAfter: '0' }, 3],
    ['of a 503 too', { status: 503, retryAfter: '0' }, 3],
    ['not where it is long', { status: 429, retryAfter: '6' }, 1],
    ['not where it is absent', { status: 429 }, 1],
    ['not of another failure', { status: 500, retryAfter: '0' }, 1],
  ])('%s', async (_title, fault, calls) => {
    const here = await setting([[CHEAP, 'openai']]);
    world.breaks('openai', here.name, () => fault);
    const replied = await here.ask({ model: modelOf(here) });
    expect(replied.status).toBeGreaterThanOrEqual(429);
    expect(here.calls('openai')).toBe(calls);
    expect(unpaid(await here.audit()).end.data.attempts).toHaveLength(calls);
  });

  test.each<ProviderId>(['openai', 'gemini'])('%s is not called again for a client who has left meanwhile', async (provider) => {
    const here = await setting([[CHEAP, provider]]);
    const left = gate();
    world.breaks(provider, here.name, failingTimes(1, { status: 429, retryAfter: '1', beforeHeaders: left.opened }));
    const asked = { key: here.customer.key, name: here.name, stream: true, extra: { model: modelOf(here) } };
    await askAndLeave(world, asked, async () => {
      await world.relays[provider].call(here.name);
      left.open();
      await (await world.relays[provider].call(here.name)).ended;
    });
    unpaid(await here.audit(), 'client_gone');
    expect(here.calls(provider)).toBe(1);
  });
});

test('a route that fails again and again is not called any more, and its calls are served elsewhere', async () => {
  const here = await setting([[CHEAP, 'openai', 'acme']], GRANTED);
  world.breaks('openai', here.name, () => ({ status: 500 }));
  const statuses: number[] = [];
  for (let call = 0; call < 20; call++) statuses.push((await here.ask({ model: modelOf(here) }, call % 2 === 0)).status);
  expect(statuses).toEqual(Array(20).fill(200));
  const called = here.calls('openai');
  expect(called).toBeGreaterThan(0);
  expect([called < 20, here.calls('acme')]).toEqual([true, 20]);
  const audit = await here.audit();
  const settled = audit.facts.filter(({ type }) => type === 'ReservationSettled');
  const triedFirst = settled.filter(({ data }) => data.attempts.length === 2);
  expect([settled.length, triedFirst.length, audit.reservations.size]).toEqual([20, called, 20]);
  // Those that were not called are not among what was tried.
  expect(settled.slice(called).map(({ data }) => data.attempts.length)).toEqual(Array(20 - called).fill(1));
  expect(audit.spent).toBe(20n * costOf(SERVED, CHEAP));
  owed += audit.spent;
  // Whoever wants nobody else is told at once that it rests.
  const replied = await here.ask({ model: modelOf(here), provider: { only: ['openai'] } });
  expect([replied.status, here.calls('openai')]).toEqual([503, called]);
  const released = (await here.audit()).facts.at(-1);
  expect([released?.type, released?.data.attempts]).toEqual(['ReservationReleased', undefined]);
});

test('all that was charged is what was served, and the ledger is well', async () => {
  const audits = await Promise.all(customers.map(({ userId }) => world.ledgerOf(userId)));
  expect(sumOf(audits.map(({ spent }) => spent))).toBe(owed);
  const { json } = await ledger(['verify', '--json'], { DATA_DIR: world.gateway.dataDir });
  expect(json).toMatchObject({ ok: true, problems: [], accounts: customers.length, reservations: { open: 0 } });
  expect(json.credits).toMatchObject({ spent: asCredits(owed).replace(/\.?0+$/, ''), receivable: '0', held: '0' });
});
