/**
 * The facts of a repricing, stream `repricing-{id}`, and of whose turn it is at an account, stream `repricing-@{accountId}`. Amounts
 * are nano-credits as decimal text, negative where the account gets something back.
 */
export type RepricingEvent =
  | RepricingProposed
  | RepricingDifferences
  | RepricingApproved
  | RepricingRejected
  | RepricingCarriedOut;

export const REPRICING_PREFIX = 'repricing-';
export const repricingStream = (repricingId: string): string => `${REPRICING_PREFIX}${repricingId}`;
/** No id of a repricing has an `@`. */
export const turnStream = (accountId: string): string => `${REPRICING_PREFIX}@${accountId}`;

/** The dry run, sealed. The differences follow in the same append, in parts. */
export interface RepricingProposed {
  readonly type: 'RepricingProposed';
  readonly data: {
    readonly repricingId: string;
    readonly accountId: string;
    readonly selection: Selection;
    readonly priceVersion: string;
    readonly formulaVersion: string;
    readonly reason: string;
    /** Opaque ids of persons, never names. */
    readonly requestedBy: string;
    readonly onlyRefunds: boolean;
    readonly totals: Totals;
    readonly byModel: readonly ModelTotals[];
    readonly notRated: number;
    /** SHA-256, hex, over the canonical JSON of {calls, notRated} of all parts. */
    readonly differencesHash: string;
    /** In how many parts the differences follow. */
    readonly parts: number;
    /** Of the account's last event that the dry run has seen. */
    readonly position: string;
  };
}

/** Which calls: those named, or those charged in a half-open range of time. */
export interface Selection {
  /** How many generations were named. */
  readonly generations?: number;
  /** SHA-256, hex, over the canonical JSON of their ids. */
  readonly generationsHash?: string;
  readonly from?: string;
  readonly until?: string;
  readonly model?: string;
}

export interface Totals {
  readonly calls: number;
  /** What the calls have cost, earlier repricings included. */
  readonly before: string;
  readonly after: string;
  /** What is given back, as a positive amount. */
  readonly refunds: string;
  readonly charges: string;
  /** What would have to be given back in addition, but was never paid from lots by the call itself, or was given back before. */
  readonly unreturned: string;
}

export interface ModelTotals extends Totals {
  readonly model: string;
}

export interface RepricingDifferences {
  readonly type: 'RepricingDifferences';
  readonly data: {
    readonly part: number;
    readonly calls: readonly Difference[];
    readonly notRated: readonly NotRated[];
  };
}

export interface Difference {
  readonly generationId: string;
  /** Its place in `byModel` of the proposal. */
  readonly model: number;
  readonly before: string;
  readonly after: string;
  /** What the account pays, or gets back. */
  readonly effect: string;
  /** Of what it gets back, what earlier repricings had charged: it comes by an adjustment, the rest by a refund. */
  readonly uncharged?: string;
}

/** A call that the price version cannot price: listed, not guessed. */
export interface NotRated {
  readonly generationId: string;
  readonly reason: NotRatedReason;
}
export type NotRatedReason = 'formula_unknown' | 'class_unknown' | 'class_unknown_to_formula' | 'moment_unknown';

export interface RepricingApproved {
  readonly type: 'RepricingApproved';
  readonly data: { readonly approvedBy: string; readonly onlyRefunds: boolean; readonly differencesHash: string };
}

export interface RepricingRejected {
  readonly type: 'RepricingRejected';
  readonly data: { readonly rejectedBy: string; readonly reason?: string };
}

/** All of it is on the account. */
export interface RepricingCarriedOut {
  readonly type: 'RepricingCarriedOut';
  readonly data: {
    readonly effects: {
      readonly refunds: number;
      readonly refunded: string;
      readonly charged: string;
      /** What earlier repricings had charged and was given back. */
      readonly uncharged: string;
      /** Of that, what had come from lots that have expired since, and so has expired with them. */
      readonly expired: string;
      /** Of what was to be refunded, what a refund by hand had given back in the meantime. */
      readonly refundedMeanwhile: string;
    };
    readonly positions: { readonly account: string };
  };
}

/** From now on only this repricing can be approved for the account, until it was carried out or rejected. */
export interface RepricingTurnTaken {
  readonly type: 'RepricingTurnTaken';
  readonly data: { readonly repricingId: string };
}
