export { ChargedUsage } from './reconcile-provider.js';
export { ReconciliationModule } from './reconciliation.module.js';
