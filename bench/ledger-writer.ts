/** A process that writes to the ledger: one cell per process, so that every figure starts from the same state. */
import { AccountWriter } from '../src/accounts/account-writer.js';
import { EventStore } from '../src/event-store/event-store.js';
import type { LedgerCell, LedgerFigures } from './ledger.js';
import { asking, open, reserveAndSettle } from './ledger-commands.js';

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
  const ask = asking(writer, prefix);
  await Promise.all(accounts.map((account) => open(account, ask)));

  let pairs = 0;
  let settled = 0;
  let until = 0;
  const work = async (worker: number): Promise<void> => {
    for (let turn = worker; performance.now() < until; turn += inFlight) {
      const account = accounts[turn % count] as string;
      await reserveAndSettle(account, `${prefix}-${pairs++}`, ask);
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
