/**
 * An AccountWriter in a process of its own: what another gateway is to the one under test. Needs `npm run build`.
 * `node writer-process.js <connection string>`; takes `{accountId, commands, commandIds, at}` as messages, all commands at once,
 * and answers with how each of them ended. Bigints travel as text with an `n` behind it.
 */
import { AccountWriter } from '../../dist/src/accounts/account-writer.js';
import { EventStore } from '../../dist/src/event-store/event-store.js';

const store = new EventStore(process.argv[2]);
let now;
const accounts = new AccountWriter(store, { now: () => now ?? Date.now() });

const amounts = (_name, value) => (typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value);

process.on('message', async (message) => {
  const { accountId, commands, at } = JSON.parse(message, amounts);
  now = at;
  if (commands.length === 0) await accounts.load(accountId);
  const outcomes = await Promise.allSettled(
    commands.map(({ id, command }) =>
      accounts.execute(accountId, command, { commandId: id, correlationId: id, actor: { type: 'system', id: 'another' } }),
    ),
  );
  process.send(
    outcomes.map(({ value, reason }) => {
      if (!value) return `failed: ${reason.message}`;
      if (value.rejection) return value.rejection.reason;
      return value.events.length > 0 ? 'done' : 'done before';
    }),
  );
});
process.on('disconnect', () => process.exit());
process.send('ready');
