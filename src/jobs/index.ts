export { DueAccounts } from './due-accounts.js';
export { type Job, JobRegistry, JobRequests } from './job-registry.js';
export { JobsModule } from './jobs.module.js';
export { OverdueReservations } from './overdue-reservations.js';
