/** What was read is not what was written, or what was written is not there. It is never served as if it were good. */
export class LogDamaged extends Error {}

export const damagedBlock = (position: number, what: string): LogDamaged =>
  new LogDamaged(`The block at position ${position} is damaged: ${what}.`);
