import type { Suite } from './samples.js';

/** Events per second when a projection is rebuilt from the log. Undefined: not measured. */
export const rebuild: Suite | undefined = undefined;
