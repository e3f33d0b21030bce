/** Every way in which a provider fails, over real sockets: what the account has paid in the end, to the nano-credit. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { gate } from '../support/fake-upstream.js';
import type { Customer } from '../support/gateway.js';
import type { AccountAudit } from '../support/ledger-audit.js';
import { ledger } from '../support/ledger-command.js';
import { jsonOf, KINDS } from '../support/provider-faults-wires.js';
import { CASES, type Case } from './provider-faults.cases.js';
import {
  askAndLeave,
  askFor,
  costOf,
  inTurn,
  onlyReservation,
  promptTokensOf,
  type Replied,
  startWorld,
  usageOf,
  type World,
  wireOf,
  withoutZeros,
} from './provider-world.js';
import { asCredits, sumOf, until } from './traffic.js';

/** Long enough that a busy machine's pauses are none of the provider's. */
const IDLE_MS = 3_000;
const AT_ONCE = 24;
const GRANTED = 10n ** 9n;
/** Digits enough that almost every cost has to be rounded. */
const PRICES = { prompt: '0.000000123457', completion: '0.000000987653', input_cache_read: '0.000000011113' };

interface Run {
  readonly name: string;
  readonly customer: Customer;
  readonly replied: Replied | undefined;
  readonly audit: AccountAudit;
}

let world: World;
const runs = new Map<Case, Run>();
const runOf = (each: Case) => runs.get(each) as Run;
const callsOf = (each: Case) => world.relays[each.kind].callsOf(runOf(each).name);

beforeAll(async () => {
  world = await startWorld({ PROVIDER_IDLE_TIMEOUT_MS: String(IDLE_MS) });
  const agent = new Agent({ connections: AT_ONCE });
  // Those that wait for the idle timeout first: they do so together.
  const silent = ({ fault }: Case) => fault.unanswered === 'silent' || fault.ending === 'silent';
  const waiting = CASES.filter(silent);
  const others = CASES.filter((each) => !silent(each));
  const run = async (each: Case) => void runs.set(each, await play(each, `case-${CASES.indexOf(each)}-`, agent));
  await Promise.all([inTurn(waiting, waiting.length, run), inTurn(others, AT_ONCE, run)]);
  await agent.close();
}, 120_000);

afterAll(() => world?.close());

/** A model of its own, so that no other case's failures close its route, and an account of its own. */
async function play({ kind, stream, fault, leaves }: Case, name: string, agent: Agent): Promise<Run> {
  const relay = world.relays[kind];
  const model = `faults/${name}`;
  const routes = [{ provider: kind, upstream_model: `${wireOf(kind).upstreamModel}-${name}` }];
  await world.publish(model, { default_completion_tokens: 200, prices: PRICES, routes });
  const customer = await world.gateway.admin.openCustomer({ credits: asCredits(GRANTED) });
  const asked = { key: customer.key, name, stream, extra: { model } };
  const left = gate();
  if (leaves === undefined) {
    world.breaks(kind, name, () => fault);
    const replied = await askFor(world, agent, asked);
    return { name, customer, replied, audit: await world.ledgerOf(customer.userId) };
  }
  if (leaves === 'before') world.breaks(kind, name, () => ({ beforeHeaders: left.opened }));
  else {
    const edit = (pieces: readonly string[]) => {
      held[0] = pieces.findIndex((piece) => wireOf(kind).text(jsonOf(piece) ?? {}) !== '');
      return pieces;
    };
    const held: [number, Promise<void>] = [-1, left.opened];
    world.breaks(kind, name, () => ({ edit, afterPiece: held }));
  }
  await askAndLeave(world, asked, async (read) => {
    await relay.call(name);
    if (leaves === 'after')
      await until(
        async () => new Promise((r) => setImmediate(r, read())),
        (text) => String(text).includes('Grüezi'),
      );
  });
  left.open();
  await (await relay.call(name)).ended;
  return { name, customer, replied: undefined, audit: await world.ledgerOf(customer.userId) };
}

describe.each(KINDS)('%s', (kind) => {
  describe.each([false, true])('stream: %s', (stream) => {
    const cases = CASES.filter((each) => each.kind === kind && each.stream === stream);

    test.each(cases.map((each) => [each.title, each] as const))('%s', (_title, each) => {
      const { audit, replied, name } = runOf(each);
      const { end } = onlyReservation(audit);
      expect(callsOf(each)).toHaveLength(1);
      expect(replied?.status).toBe(each.status);
      expect(audit.available()).toBe(GRANTED - audit.spent);
      const { expected } = each;
      if ('released' in expected) {
        expect([end.type, end.data.reason, audit.spent]).toEqual(['ReservationReleased', expected.released, 0n]);
        if (replied) expect(replied.error !== undefined).toBe(expected.released === 'provider_error');
        return;
      }
      expect(end.type).toBe('ReservationSettled');
      const { usage, outcome, cost, attempts, shortfall } = end.data;
      expect([usage.source, outcome, usage.anomalies]).toEqual([expected.charged, expected.outcome, expected.anomalies]);
      expect(withoutZeros(usage.classes)).toEqual(withoutZeros(classesOf(each)));
      expect([BigInt(cost.rounded), shortfall]).toEqual([costOf(classesOf(each), PRICES), '0']);
      expect(attempts).toEqual([
        expect.objectContaining({ provider: kind, upstreamModel: expect.stringContaining(name), status: 200 }),
      ]);
      if (replied) expect(replied.error !== undefined).toBe(expected.outcome === 'cut');
    });
  });
});

/** By what went out: as the provider reported it, else counted. */
function classesOf(each: Case): Record<string, number> {
  const { expected } = each;
  if ('released' in expected) return {};
  const { told, classes } = usageOf(wireOf(each.kind), callsOf(each)[0] as never);
  const counted = expected.promptIsCounted ? { input_uncached: promptTokensOf(runOf(each).name), cache_read: 0 } : {};
  const isComplete = Object.keys(told).length === Object.keys(classes).length;
  expect(isComplete && !expected.promptIsCounted).toBe(expected.charged !== 'estimated');
  return { ...classes, ...counted, ...expected.classes };
}

test('the fakes answer in as many events as the cases break', () => {
  const whole = CASES.filter(({ title, stream }) => stream && title === 'nothing goes wrong');
  expect(whole.map((each) => callsOf(each)[0]?.sent.length)).toEqual(KINDS.map((kind) => wireOf(kind).events));
});

test('all that was charged is what the relays let out, and the ledger is well', async () => {
  const spent = sumOf([...runs.values()].map(({ audit }) => audit.spent));
  expect(spent).toBe(sumOf(CASES.map((each) => costOf(classesOf(each), PRICES))));
  expect(runs.size).toBe(CASES.length);
  const { json } = await ledger(['verify', '--json'], { DATA_DIR: world.gateway.dataDir });
  expect(json).toMatchObject({ ok: true, problems: [], accounts: CASES.length, reservations: { open: 0, ended: CASES.length } });
  expect(json.credits).toMatchObject({ spent: asCredits(spent).replace(/\.?0+$/, ''), receivable: '0', held: '0' });
});
