import type { Suite } from './samples.js';

/** Settled reservations per second on one hot account and over 1,000 accounts, without HTTP. Undefined: not measured. */
export const ledger: Suite | undefined = undefined;
