/**
 * The rules that an auditor checks. Numbers are those of the ledger's invariants; letters name the terms of an event that
 * no invariant has a number for.
 */
export const RULES = {
  1: 'every lot adds up, and 0 ≤ held + frozen ≤ remaining',
  2: 'every account adds up: granted = available + held + frozen + spent + expired + clawed back + paid back − refunded',
  3: 'a reservation ends once; a late settlement only after a release',
  4: 'debits + releases = holds + extra debits; cost = debits + shortfall',
  5: "no settlement takes another reservation's hold; no lot that sorts earlier is skipped",
  6: 'nothing is taken from an expired lot but a pinned hold before settleBy; what comes back to one expires at once',
  7: 'every cost can be computed again from the usage and the price version',
  8: 'a command has one effect',
  10: 'the hash chain holds: nothing was edited, dropped, reordered, truncated or swapped',
  11: 'every event can be read',
  K: 'a key is used within its terms',
  R: 'a refund gives back no more than was paid, to who paid it',
  D: 'a dispute freezes and takes what it claims, once',
  A: 'an adjustment is asked for by one person and approved by another',
} as const;
export type Rule = keyof typeof RULES;

/** Something that must not be in a ledger. */
export interface Problem {
  readonly rule: `${Rule}`;
  readonly stream: string;
  /** Of the event in which it shows; undefined where it is about no single event. */
  readonly revision?: number;
  readonly eventId?: string;
  readonly type?: string;
  readonly text: string;
}

/** An event as an auditor takes it: read, not yet believed. */
export interface AuditedFact {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: bigint;
  readonly data: Json;
  readonly metadata: Json;
}

// biome-ignore lint/suspicious/noExplicitAny: what a stream holds is checked here, not assumed
export type Json = any;

/** Notes what does not hold about one event after another. */
export class Check {
  readonly problems: Problem[] = [];
  fact: AuditedFact | undefined;

  /** @param text made only where it is needed: nearly every event is sound */
  must(rule: `${Rule}`, holds: boolean, text: string | (() => string)): void {
    if (!holds) this.note(rule, typeof text === 'string' ? text : text());
  }

  note(rule: `${Rule}`, text: string): void {
    const { fact } = this;
    if (!fact) throw new Error(`no event is checked: ${text}`);
    const { stream, revision, id: eventId, type } = fact;
    this.problems.push({ rule, stream, revision, eventId, type, text });
  }
}
