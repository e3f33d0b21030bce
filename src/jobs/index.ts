export { DueAccounts } from './due-accounts.js';
export { JobsModule } from './jobs.module.js';
export { OverdueReservations } from './overdue-reservations.js';
