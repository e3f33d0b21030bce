/** A process that writes to the ledger: one cell per process, so that every figure starts from the same state. */
import { AccountWriter } from '../src/accounts/account-writer.js';
import type { AccountCommand } from '../src/accounts/domain/account.decider.js';
import { EventStore } from '../src/event-store/event-store.js';
import { nano } from '../src/kernel/credits.js';
import type { LedgerCell, LedgerFigures } from './ledger.js';

const KEY = 'bench';
const WARM_UP_SHARE = 0.3;

process.once('message', async (cell: LedgerCell) => {
  const figures = await run(cell);
  process.send?.(figures, () => process.exit(0));
});

async function run({ connectionString, accounts: count, inFlight, seconds }: LedgerCell): Promise<LedgerFigures> {
  const store = new EventStore(connectionString);
  const writer = new AccountWriter(store, { now: () => Date.now() });
  const prefix = `bench${process.pid}`;
  const accounts = Array.from({ length: count }, (_, index) => `${prefix}x${index}`);
  let commands = 0;
  const ask = async (account: string, command: AccountCommand): Promise<void> => {
    const cause = {
      commandId: `${prefix}:${commands++}`,
      correlationId: 'bench',
      actor: { type: 'system', id: 'bench' },
    } as const;
    const { rejection } = await writer.execute(account, command, cause);
    if (rejection) throw new Error(`${command.type} was refused: ${rejection.reason}`);
  };
  await Promise.all(accounts.map((account) => open(account, ask)));

  let settled = 0;
  let until = 0;
  const work = async (worker: number): Promise<void> => {
    for (let turn = worker; performance.now() < until; turn += inFlight) {
      const account = accounts[turn % count] as string;
      await reserveAndSettle(account, `${prefix}-${turn}-${commands}`, ask);
      settled += 1;
    }
  };
  const during = async (share: number): Promise<void> => {
    until = performance.now() + seconds * 1000 * share;
    await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)));
  };

  await during(WARM_UP_SHARE);
  settled = 0;
  const { appends, events } = store.counters;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await during(1);
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const appendsPerEvent = (store.counters.appends - appends) / (store.counters.events - events);
  return { settled, elapsedMs, cpuMs: (user + system) / 1000, appendsPerEvent };
}

type Ask = (account: string, command: AccountCommand) => Promise<void>;

async function open(account: string, ask: Ask): Promise<void> {
  await ask(account, { type: 'OpenAccount', accountId: account, username: 'bench', tier: 'internal' });
  await ask(account, {
    type: 'IssueApiKey',
    keyId: KEY,
    secretHash: '',
    name: KEY,
    limit: undefined,
    limitReset: undefined,
    expiresAt: undefined,
  });
  await ask(account, { type: 'GrantCredits', grantId: KEY, kind: 'top_up', amount: nano(10n ** 15n), priority: 50 });
}

async function reserveAndSettle(account: string, id: string, ask: Ask): Promise<void> {
  await ask(account, {
    type: 'ReserveCredits',
    reservationId: id,
    generationId: id,
    keyId: KEY,
    amount: nano(50_000n),
    quote: { model: 'openai/gpt-4o-mini', priceVersion: 'openai/gpt-4o-mini@1', promptTokensMax: 200, completionTokensMax: 64 },
    settleWithinMs: 900_000,
  });
  await ask(account, {
    type: 'SettleReservation',
    reservationId: id,
    model: 'openai/gpt-4o-mini',
    cost: {
      exact: '7350000',
      rounded: '7350',
      lines: [
        { class: 'input_uncached', tokens: 9, price: '150000', amount: '1350000' },
        { class: 'output_visible', tokens: 10, price: '600000', amount: '6000000' },
      ],
    },
    usage: { classes: { input_uncached: 9, output_visible: 10 }, source: 'provider' },
    priceVersion: 'openai/gpt-4o-mini@1',
    formulaVersion: 'usage@1',
    attempts: [{ provider: 'openai', upstreamModel: 'gpt-4o-mini', upstreamId: 'chatcmpl-bench', status: 200 }],
    outcome: 'completed',
  });
}
