/** What other features may use of accounting periods. */
export { PeriodList, type PeriodRecord } from './period-list.js';
export { PeriodsModule } from './periods.module.js';
