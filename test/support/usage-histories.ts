/** Random histories of accounts that use several models of several providers, with clocks that are apart, and what they come to. */
import fc from 'fast-check';
import type { Fact } from '../../projections/runtime/projection.js';
import type { Dimension, UsageQuestion } from '../../projections/usage/usage-question.js';
import type { AccountEvent, LateSettlementRecorded } from '../../src/accounts/domain/accounts.events.js';

type Charge = LateSettlementRecorded['data'];

export const ACCOUNTS = ['account1', 'account2'];
const HOUR_MS = 3_600_000;
const START = Date.parse('2026-02-27T20:00:00.000Z');
const MODELS = ['acme/m', 'acme/N'];
const PROVIDERS = ['openai', undefined];
const KEYS = ['k1', 'k2'];

const step = fc.record({
  account: fc.constantFrom(...ACCOUNTS),
  /** Several charges to an hour, several hours to a day, and midnights. */
  minutes: fc.oneof({ weight: 9, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.nat(400) }),
  does: fc.constantFrom('reserve', 'reserve', 'reserve', 'settle', 'settle', 'settle', 'release', 'late', 'refund', 'extend'),
  which: fc.nat(),
  key: fc.constantFrom(...KEYS),
  model: fc.constantFrom(...MODELS),
  provider: fc.constantFrom(...PROVIDERS),
  tokens: fc.nat(1_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Every account's events in its own order; the second account's clock is behind, so that times and positions disagree across them. */
export const usageHistories = fc
  .record({ steps: fc.array(step, { minLength: 40, maxLength: 90 }), behindMinutes: fc.nat(180) })
  .map(({ steps, behindMinutes }) => {
    const history = new History(behindMinutes);
    for (const each of steps) history.play(each);
    return history.facts;
  });

/** The calls of each account: those that run, that were given back, that were charged. */
class History {
  readonly facts: Fact[] = [];
  private readonly calls = new Map(ACCOUNTS.map((name) => [name, { open: [], released: [], charged: [] } as Calls]));
  private now = START;

  constructor(private readonly behindMinutes: number) {}

  play({ account, minutes, does, which, ...terms }: Step): void {
    this.now += minutes * 60_000;
    const { open, released, charged } = this.calls.get(account) as Calls;
    const from = { reserve: undefined, settle: open, release: open, extend: open, late: released, refund: charged }[does];
    const index = from && which % Math.max(1, from.length);
    const call = from ? from[index as number] : { id: `gen-${this.facts.length}`, keyId: terms.key };
    if (!call) return;
    if (from && does !== 'extend' && does !== 'refund') from.splice(index as number, 1);
    if (does === 'reserve') open.push(call);
    if (does === 'release') released.push(call);
    if (does === 'settle' || does === 'late') charged.push(call);
    this.append(account, eventOf(does, call, terms, this.facts.length));
  }

  private append(account: string, event: AccountEvent): void {
    const at = this.now - (account === ACCOUNTS[1] ? this.behindMinutes * 60_000 : 0);
    const place = BigInt(this.facts.length);
    this.facts.push({
      stream: `account-${account}`,
      revision: place,
      position: place,
      metadata: { occurredAt: new Date(at).toISOString() },
      ...event,
    });
  }
}

interface Call {
  readonly id: string;
  readonly keyId: string;
}
type Calls = Record<'open' | 'released' | 'charged', Call[]>;

function eventOf(
  does: Step['does'],
  { id, keyId }: Call,
  terms: Pick<Step, 'model' | 'provider' | 'tokens'>,
  n: number,
): AccountEvent {
  const about = { reservationId: id, generationId: id, keyId };
  const settleBy = '2026-03-02T00:00:00.000Z';
  switch (does) {
    case 'reserve': {
      const quote = { model: terms.model, priceVersion: 'p', promptTokensMax: 1, completionTokensMax: 1 };
      const held = { amount: '1', holds: [], burnDownOrder: 'mcphub@1', settleBy } as const;
      return { type: 'CreditsReserved', data: { ...about, ...held, quote } };
    }
    case 'extend':
      return { type: 'ReservationExtended', data: { ...about, amount: '1', holds: [], settleBy } };
    case 'release':
      return { type: 'ReservationReleased', data: { ...about, releases: [], reason: 'provider_error' } };
    case 'settle':
      return { type: 'ReservationSettled', data: { ...about, ...chargeOf(terms), releases: [] } };
    case 'late':
      return { type: 'LateSettlementRecorded', data: { ...about, ...chargeOf(terms) } };
    case 'refund': {
      const split = { credits: [], waived: '1', regranted: '0', intoExpired: 'expire' } as const;
      return { type: 'GenerationRefunded', data: { refundId: `r${n}`, generationId: id, amount: '1', reason: 'r', ...split } };
    }
  }
}

const chargeOf = ({ model, provider, tokens }: Pick<Step, 'model' | 'provider' | 'tokens'>) => ({
  model,
  cost: { exact: `${tokens}000`, rounded: `${tokens}`, lines: [] },
  usage: {
    classes: { input_uncached: tokens, cache_read: 3, output_visible: 2 * tokens, output_reasoning: tokens % 4, web_searches: 1 },
    source: tokens % 5 === 0 ? ('estimated' as const) : ('provider' as const),
  },
  priceVersion: 'p',
  formulaVersion: 'f',
  attempts: provider === undefined ? [] : [{ provider, upstreamModel: 'u', status: 200 }],
  debits: [],
  shortfall: '0',
  outcome: 'completed' as const,
});

export function isCharge({ type }: Fact): boolean {
  return type === 'ReservationSettled' || type === 'LateSettlementRecorded';
}

/** What the charges come to that a test picks, in the manner of the answers: the group's values first, then the counts. */
export function addedUp(facts: readonly Fact[], question: UsageQuestion): string[][] {
  const sums = new Map<string, { group: string[]; counts: bigint[] }>();
  for (const fact of facts.filter(isCharge)) {
    const use = useOf(fact);
    const { accountId, keyId, model, provider } = question;
    if (use.hour < question.from || use.hour >= question.until) continue;
    if ((accountId ?? use.account) !== use.account || (keyId ?? use.key) !== use.key) continue;
    if ((model ?? use.model) !== use.model || (provider ?? use.provider) !== use.provider) continue;
    const group = question.groupBy.map((dimension) => use[dimension]);
    const sum = sums.get(group.join(' ')) ?? { group, counts: use.counts.map(() => 0n) };
    sums.set(group.join(' '), { group, counts: sum.counts.map((count, index) => count + (use.counts[index] as bigint)) });
  }
  const byGroup = (a: { group: string[] }, b: { group: string[] }) => {
    const index = a.group.findIndex((value, at) => value !== b.group[at]);
    return Buffer.compare(Buffer.from(a.group[index] ?? ''), Buffer.from(b.group[index] ?? ''));
  };
  return [...sums.values()].sort(byGroup).map(({ group, counts }) => [...group, ...counts.map(String)]);
}

/** requests, estimated, prompt, cached, completion, reasoning, cost */
function useOf({ stream, metadata, data }: Fact): Record<Dimension, string> & { counts: bigint[] } {
  const { keyId, model, attempts, usage, cost } = data as Charge;
  const { input_uncached = 0, cache_read = 0, output_visible = 0, output_reasoning = 0 } = usage.classes;
  const counts = [
    1,
    usage.source === 'estimated' ? 1 : 0,
    input_uncached + cache_read,
    cache_read,
    output_visible + output_reasoning,
    output_reasoning,
  ];
  return {
    account: stream.slice('account-'.length),
    key: keyId,
    model,
    provider: attempts.at(-1)?.provider ?? '',
    day: metadata.occurredAt.slice(0, 10),
    hour: metadata.occurredAt.slice(0, 13),
    counts: [...counts.map(BigInt), BigInt(cost.rounded)],
  };
}

/** Ranges that begin and end anywhere, groups and filters of all kinds. */
export const usageQuestions = (facts: readonly Fact[]): fc.Arbitrary<UsageQuestion> => {
  const times = facts.map(({ metadata }) => Date.parse(metadata.occurredAt));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const hours = Math.ceil((last - first) / HOUR_MS) + 4;
  const hour = (index: number) => new Date(first + (index - 2) * HOUR_MS).toISOString().slice(0, 13);
  const maybe = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });
  return fc
    .record({
      from: fc.nat(hours),
      length: fc.integer({ min: 1, max: hours }),
      groupBy: fc.shuffledSubarray<Dimension>(['account', 'key', 'model', 'provider', 'day', 'hour']),
      accountId: maybe('account1', 'account2'),
      keyId: maybe('k1', 'k2'),
      model: maybe(...MODELS),
      provider: maybe('openai', ''),
    })
    .map(({ from, length, ...rest }) => ({ from: hour(from), until: hour(from + length), ...rest }));
};
