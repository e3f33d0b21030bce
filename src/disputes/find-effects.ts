import { type AccountEvent, accountStream } from '../accounts/domain/accounts.events.js';
import type { EventStore } from '../event-store/event-store.js';

/** An event of the account that a dispute asked for, with its position. */
export interface Effect {
  readonly event: AccountEvent;
  readonly position: string;
}

/**
 * The events of an account that commands with these names made happen, by name: read backwards until all are found, so that one
 * that was asked for by a process that died is found like one that was asked for now. Throws EventStoreUnavailable, and an Error
 * where one is not there.
 * @param names as `nameOf` makes them of an event and its place among those of its command
 */
export async function findEffects(
  store: Pick<EventStore, 'readBackwards'>,
  accountId: string,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Effect>> {
  const found = new Map<string, Effect>();
  if (names.size === 0) return found;
  for await (const { type, data, metadata, position } of store.readBackwards(accountStream(accountId))) {
    const event = { type, data } as AccountEvent;
    const name = nameOf(event, metadata.index);
    if (name === undefined || !names.has(name)) continue;
    found.set(name, { event, position: position.toString() });
    if (found.size === names.size) return found;
  }
  throw new Error(`the account does not show ${[...names].find((name) => !found.has(name))}`);
}

/** What comes back to a disputed lot later is frozen then, in consequence of something else: only the first freezing has a name. */
function nameOf(event: AccountEvent, index: number): string | undefined {
  switch (event.type) {
    case 'GenerationRefunded':
      return refundedName(event.data.refundId);
    case 'LotsFrozen':
      return index === 0 ? frozenName(event.data.disputeId) : undefined;
    case 'LotsUnfrozen':
    case 'CreditsClawedBack':
      return closedName(event.data.disputeId);
    default:
      return undefined;
  }
}

export const refundedName = (refundId: string): string => `refund ${refundId}`;
export const frozenName = (disputeId: string): string => `freezing for ${disputeId}`;
export const closedName = (disputeId: string): string => `end of ${disputeId}`;
