export { DueAccounts } from './due-accounts.js';
export { JobsModule } from './jobs.module.js';
