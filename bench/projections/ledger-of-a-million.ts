/** An account with as many events as anybody may ever have, decided by the real rules and appended as fast as they can be sealed. */
import { accountDecider } from '../../src/accounts/domain/account.decider.js';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { type EventToAppend, GENESIS_HASH, seal } from '../../src/event-store/envelope.js';
import type { EventStore } from '../../src/event-store/event-store.js';
import { instantToText } from '../../src/kernel/time.js';
import { type Ask, open, reserve, settle } from '../ledger-commands.js';

const EVENTS_PER_APPEND = 500;
const ACTOR = { type: 'system', id: 'bench' } as const;

export interface LongAccount {
  readonly account: string;
  readonly events: number;
  /** Of the first event. */
  readonly from: number;
}

/** Over which the events are spread. */
export const SPAN_MS = 27 * 86_400_000;

/**
 * Writes the account. Its chain and every rule of the ledger hold, except that no price book is behind its prices.
 * @returns commit position of its last event
 */
export async function writeLongAccount(store: EventStore, { account, events: count, from }: LongAccount): Promise<bigint> {
  const stream = accountStream(account);
  let state = accountDecider.initialState();
  let previousHash = GENESIS_HASH;
  let events = 0;
  let commands = 0;
  let batch: EventToAppend[] = [];
  let position = -1n;
  const write = async (): Promise<void> => {
    if (batch.length === 0) return;
    ({ position } = await store.append(stream, batch, BigInt(events - batch.length - 1)));
    batch = [];
  };
  const ask: Ask = async (_, command) => {
    const at = from + Math.floor((events / count) * SPAN_MS);
    const decision = accountDecider.decide(command, state, at);
    if ('rejection' in decision) throw new Error(`${command.type} was refused: ${decision.rejection.reason}`);
    const cause = { commandId: `${account}:${commands++}`, correlationId: 'bench', actor: ACTOR };
    for (const [index, event] of decision.events.entries()) {
      const place = { stream, revision: BigInt(events), previousHash };
      const sealed = seal(place, event, cause, index, instantToText(at));
      state = accountDecider.evolve(state, event, at);
      previousHash = sealed.hash;
      batch.push(sealed);
      events += 1;
    }
    if (batch.length >= EVENTS_PER_APPEND) await write();
  };
  await open(account, ask);
  for (let call = 0; events + 2 <= count; call++) {
    const id = `${account}-${call}`;
    await ask(account, reserve(id));
    await ask(account, settle(id));
  }
  await write();
  return position;
}
