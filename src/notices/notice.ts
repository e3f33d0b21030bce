/** What somebody is told about before it costs money or trust. */
export const NOTICE_KINDS = [
  'low_balance',
  'credits_expiring',
  'key_limit_near',
  'projection_behind',
  'invariant_broken',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Something that holds at the moment and that somebody should know. */
export interface Finding {
  /** What it is about, opaque and without personal data: for as long as it is found again it is the same notice. */
  readonly subject: string;
  /** For the receiver: ids, and amounts as decimal strings of credits. */
  readonly data: Readonly<Record<string, string | number | null>>;
}

/** Looks for one kind of finding. */
export interface Watch {
  readonly kind: NoticeKind;
  /** @returns what holds now; not `complete` where there is more than was looked at */
  look(): Promise<{ readonly findings: readonly Finding[]; readonly complete: boolean }>;
}

/** What is looked for; bound where both sides are known. */
export abstract class Watches {
  abstract list(): readonly Watch[];
}

/** A finding that was noted, and what became of telling it. */
export interface Notice {
  /** The receiver drops a notice whose id it has seen. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly subject: string;
  readonly data: Finding['data'];
  readonly raisedAt: Date;
  /** When it no longer held; null while it holds. */
  readonly clearedAt: Date | null;
  readonly deliveredAt: Date | null;
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly lastError: string | null;
}
