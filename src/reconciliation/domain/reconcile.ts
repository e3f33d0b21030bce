import { accept, type Decider } from '../../kernel/decider.js';
import type { ReconciliationCompared, ReconciliationEvent, ReconciliationImported } from './reconciliation.events.js';

export type ReconciliationCommand =
  | { readonly type: 'ImportReconciliation'; readonly data: ReconciliationImported['data'] }
  | { readonly type: 'RecordComparison'; readonly data: ReconciliationCompared['data'] };

/** The reconciliations of a stream, by id. */
export interface Reconciliations {
  readonly imported: ReadonlyMap<string, ReconciliationImported['data']>;
  readonly compared: ReadonlyMap<string, ReconciliationCompared['data']>;
}

/** An import has its content as its name. Where its comparison was recorded and then lost with its process, it is compared again. */
export const reconciliations: Decider<ReconciliationCommand, Reconciliations, ReconciliationEvent, never> = {
  initialState: () => ({ imported: new Map(), compared: new Map() }),
  decide({ type, data }, { imported, compared }) {
    const { reconciliationId } = data;
    if (type === 'ImportReconciliation')
      return imported.has(reconciliationId) ? accept() : accept({ type: 'ReconciliationImported', data });
    if (!imported.has(reconciliationId)) throw new Error(`reconciliation ${reconciliationId} was not imported`);
    const isSame = compared.get(reconciliationId)?.linesHash === data.linesHash;
    return isSame ? accept() : accept({ type: 'ReconciliationCompared', data });
  },
  evolve(state, { type, data }) {
    switch (type) {
      case 'ReconciliationImported':
        return { ...state, imported: new Map(state.imported).set(data.reconciliationId, data) };
      case 'ReconciliationCompared':
        return { ...state, compared: new Map(state.compared).set(data.reconciliationId, data) };
    }
  },
};
