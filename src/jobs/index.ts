export { DueAccounts } from './due-accounts.js';
export {
  type Job,
  type JobAttempt,
  JobInterrupted,
  JobRegistry,
  JobRequests,
  type JobState,
  type QueueName,
} from './job-registry.js';
export { JobsModule } from './jobs.module.js';
export { OverdueReservations } from './overdue-reservations.js';
export { QueuesModule } from './queues.module.js';
