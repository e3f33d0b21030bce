import type { EventStore } from '../event-store/event-store.js';
import { type CallSelection, type CallsFound, findCalls } from './charged-calls.js';
import { generationNotCharged, generationNotFound, nothingSelected } from './repricing.problems.js';

/** The calls that were selected; each that was named must be there. Throws TooManyCalls, or an ApiError that says what is wrong. */
export async function selectCalls(
  store: Pick<EventStore, 'read'>,
  accountId: string,
  selection: CallSelection,
  max: number,
): Promise<CallsFound> {
  const found = await findCalls(store, accountId, selection, max);
  const [unknown] = found.notFound;
  if (unknown !== undefined) throw generationNotFound(unknown);
  const [free] = found.notCharged;
  if (free !== undefined) throw generationNotCharged(free);
  if (found.calls.length === 0) throw nothingSelected();
  return found;
}
