import type { Instant } from './time.js';

/**
 * A rule of the business as two pure functions. `decide` says what a command makes happen, or why it does not; `evolve`
 * folds what happened into the state that the next decision needs. `at` is the gateway's clock, never before the last event.
 */
export interface Decider<Command, State, Event, No extends Rejection> {
  readonly initialState: () => State;
  readonly decide: (command: Command, state: State, at: Instant) => Decision<Event, No>;
  readonly evolve: (state: State, event: Event, at: Instant) => State;
}

/** Events to append (none where the command had its effect before), or the business's "no". */
export type Decision<Event, No extends Rejection> = { readonly events: readonly Event[] } | { readonly rejection: No };

/** The business's "no" as a value, named in the customer's words. */
export interface Rejection {
  readonly reason: string;
}

export const accept = <Event>(...events: readonly Event[]): { readonly events: readonly Event[] } => ({ events });
export const reject = <const No extends Rejection>(rejection: No): { readonly rejection: No } => ({ rejection });
