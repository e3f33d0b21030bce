/** Account histories made without commands: as fast as they can be sealed. */
import { accountDecider } from '../src/accounts/domain/account.decider.js';
import type { AccountEvent } from '../src/accounts/domain/accounts.events.js';
import { accountStream } from '../src/accounts/domain/accounts.events.js';
import { type EventToAppend, GENESIS_HASH, seal } from '../src/event-store/envelope.js';
import type { EventStore } from '../src/event-store/event-store.js';
import { asking, open, reserve, settle } from './ledger-commands.js';

const FOLD_EVENTS = 400_000;
const EVENTS_PER_APPEND = 500;
const AT = Date.UTC(2026, 0, 1);
const CAUSE = { commandId: 'bench', correlationId: 'bench', actor: { type: 'system', id: 'bench' } } as const;

/** The events of an account that is opened and then reserves and settles, decided and folded one after the other. */
async function* history(account: string, count: number): AsyncGenerator<AccountEvent> {
  let state = accountDecider.initialState();
  let made: readonly AccountEvent[] = [];
  let events = 0;
  const writer = {
    async execute(_: string, command: Parameters<typeof accountDecider.decide>[0]) {
      const decision = accountDecider.decide(command, state, AT);
      if ('rejection' in decision) throw new Error(`${command.type} was refused: ${decision.rejection.reason}`);
      made = decision.events;
      for (const event of made) state = accountDecider.evolve(state, event, AT);
      opened.push(...made);
      return {};
    },
  };
  const opened: AccountEvent[] = [];
  await open(account, asking(writer as never, account));
  yield* opened.splice(0);
  events += 3;
  for (let pair = 0; events < count; pair++) {
    for (const command of [reserve(`h-${pair}`), settle(`h-${pair}`)]) {
      if (events >= count) return;
      await writer.execute(account, command);
      yield* opened.splice(0);
      events += 1;
    }
  }
}

/** Events per second through `evolve` alone, of events as they come out of JSON. */
export async function foldingRate(): Promise<number> {
  const events: AccountEvent[] = [];
  for await (const event of history('fold', FOLD_EVENTS)) events.push(JSON.parse(JSON.stringify(event)));
  let best = 0;
  for (let round = 0; round < 3; round++) {
    let state = accountDecider.initialState();
    const startedAt = performance.now();
    for (const event of events) state = accountDecider.evolve(state, event, AT);
    best = Math.max(best, events.length / (performance.now() - startedAt));
  }
  return best * 1000;
}

export async function writeLongAccount(store: EventStore, account: string, count: number): Promise<void> {
  const stream = accountStream(account);
  const occurredAt = new Date(AT).toISOString();
  let revision = -1n;
  let previousHash = GENESIS_HASH;
  let batch: EventToAppend[] = [];
  const write = async (): Promise<void> => {
    await store.append(stream, batch, revision - BigInt(batch.length));
    batch = [];
  };
  for await (const event of history(account, count)) {
    revision += 1n;
    const sealed = seal({ stream, revision, previousHash }, event, CAUSE, 0, occurredAt);
    previousHash = sealed.hash;
    batch.push(sealed);
    if (batch.length === EVENTS_PER_APPEND) await write();
  }
  if (batch.length > 0) await write();
}
