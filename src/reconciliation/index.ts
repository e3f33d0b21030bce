export { ChargedUsage } from './reconcile-provider.js';
export { ReconciliationModule } from './reconciliation.module.js';
export { ProviderReconciliationReport } from './reconciliation.report.js';
