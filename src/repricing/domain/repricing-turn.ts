import { accept, type Decider, reject } from '../../kernel/decider.js';
import type { RepricingTurnTaken } from './repricing.events.js';

/** Which repricing may be approved for an account; undefined where there was none yet. */
export interface Turn {
  readonly holder: string | undefined;
}

/** Takes the turn over from who is known to have ended. */
export interface TakeTurn {
  readonly type: 'TakeTurn';
  readonly repricingId: string;
  /** The holder whose repricing was seen rejected or carried out: it can never be approved again. */
  readonly ended: string | undefined;
}

export type TurnRejection = { readonly reason: 'repricing_in_progress'; readonly holder: string };

/**
 * One repricing of an account after the other. Two that were approved at once would both start from what a call had cost before
 * either, and compensate it twice.
 */
export const turnDecider: Decider<TakeTurn, Turn, RepricingTurnTaken, TurnRejection> = {
  initialState: () => ({ holder: undefined }),
  decide({ repricingId, ended }, { holder }) {
    if (holder === repricingId) return accept();
    if (holder !== undefined && holder !== ended) return reject({ reason: 'repricing_in_progress', holder });
    return accept({ type: 'RepricingTurnTaken', data: { repricingId } });
  },
  evolve: (_, { data }) => ({ holder: data.repricingId }),
};
