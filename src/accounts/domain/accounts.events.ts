import type { NanoText } from '../../kernel/credits.js';
import type { LimitReset } from '../../kernel/time.js';

/**
 * The facts of an account, stream `account-{accountId}`. They are for ever: flat, JSON-safe, free of other classes; amounts
 * are nano-credits as decimal text, times ISO 8601 in UTC. A new field is optional; a changed meaning is a new version.
 */
export type AccountEvent =
  | AccountOpened
  | TierChanged
  | ApiKeyIssued
  | ApiKeyChanged
  | ApiKeyRevoked
  | CreditsGranted
  | CreditsReserved
  | ReservationExtended
  | ReservationSettled
  | ReservationReleased
  | LateSettlementRecorded
  | CreditsExpired
  | ShortfallRepaid
  | GenerationRefunded
  | TopUpRefunded
  | LotsFrozen
  | LotsUnfrozen
  | CreditsClawedBack
  | CreditsAdjusted;

export const TIERS = ['free', 'premium', 'enterprise', 'internal'] as const;
export type Tier = (typeof TIERS)[number];

export const GRANT_KINDS = ['top_up', 'promo', 'goodwill'] as const;
export type GrantKind = (typeof GRANT_KINDS)[number];

/** inference: spends the account's credits. management: manages the account's inference keys and reads its figures; never spends. */
export const KEY_KINDS = ['inference', 'management'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** The named order in which lots pay; a reservation records the order it was made in. */
export type BurnDownOrder = 'mcphub@1';

/** A part of one lot. */
export interface LotAmount {
  readonly lotId: string;
  readonly amount: NanoText;
}

export interface AccountOpened {
  readonly type: 'AccountOpened';
  readonly data: {
    readonly accountId: string;
    readonly username: string;
    readonly tier: Tier;
    readonly burnDownOrder: BurnDownOrder;
    readonly overdraftPolicy: 'none';
  };
}

export interface TierChanged {
  readonly type: 'TierChanged';
  readonly data: { readonly from: Tier; readonly to: Tier };
}

export interface ApiKeyIssued {
  readonly type: 'ApiKeyIssued';
  readonly data: {
    readonly keyId: string;
    /** SHA-256 of the whole key, hex. The key itself is never stored. */
    readonly secretHash: string;
    readonly name: string;
    readonly limit?: NanoText;
    readonly limitReset?: LimitReset;
    readonly expiresAt?: string;
    /** Absent: inference. It never changes. */
    readonly kind?: KeyKind;
  };
}

/** All terms of the key as they are from now on; an absent one does not apply. */
export interface ApiKeyChanged {
  readonly type: 'ApiKeyChanged';
  readonly data: {
    readonly keyId: string;
    readonly name: string;
    readonly limit?: NanoText;
    readonly limitReset?: LimitReset;
    readonly expiresAt?: string;
    /** True: it cannot be used until a later change leaves this out. */
    readonly disabled?: boolean;
  };
}

export interface ApiKeyRevoked {
  readonly type: 'ApiKeyRevoked';
  readonly data: { readonly keyId: string };
}

export interface CreditsGranted {
  readonly type: 'CreditsGranted';
  readonly data: {
    readonly lotId: string;
    readonly grantId: string;
    readonly kind: GrantKind;
    readonly amount: NanoText;
    /** Money paid per credit, in nano-units of the currency as decimal text: "1000000000" at par, "0" where they were given. */
    readonly costBasis: string;
    readonly currency: string;
    readonly priority: number;
    readonly effectiveAt: string;
    readonly expiresAt?: string;
    /** The payment that bought the lot: what a cash refund or a dispute names. */
    readonly paymentId?: string;
  };
}

export interface CreditsReserved {
  readonly type: 'CreditsReserved';
  readonly data: {
    readonly reservationId: string;
    readonly generationId: string;
    readonly keyId: string;
    readonly amount: NanoText;
    readonly holds: readonly LotAmount[];
    readonly burnDownOrder: BurnDownOrder;
    readonly quote: Quote;
    readonly settleBy: string;
  };
}

/** A call goes on longer, or may cost more, than was reserved for. */
export interface ReservationExtended {
  readonly type: 'ReservationExtended';
  readonly data: {
    readonly reservationId: string;
    readonly generationId: string;
    readonly keyId: string;
    /** What is held in addition; "0" where only the time is extended. */
    readonly amount: NanoText;
    readonly holds: readonly LotAmount[];
    readonly settleBy: string;
  };
}

/** What the reservation was computed from. */
export interface Quote {
  readonly model: string;
  readonly priceVersion: string;
  readonly promptTokensMax: number;
  readonly completionTokensMax: number;
}

export interface ReservationSettled {
  readonly type: 'ReservationSettled';
  readonly data: {
    readonly reservationId: string;
    readonly generationId: string;
    readonly keyId: string;
    readonly model: string;
    readonly cost: SettledCost;
    readonly usage: SettledUsage;
    readonly priceVersion: string;
    readonly formulaVersion: string;
    /** The moment whose prices were taken, where the price version has any by the time of day: the start of the generation. */
    readonly pricedAt?: string;
    readonly attempts: readonly ProviderAttempt[];
    readonly debits: readonly LotAmount[];
    readonly releases: readonly LotAmount[];
    readonly shortfall: NanoText;
    readonly outcome: SettlementOutcome;
    readonly answer?: AnswerFacts;
  };
}

/**
 * completed: the answer ended by itself. client_gone: the client left. cut: the provider broke off after bytes were served.
 * abandoned: its process died, and a recovery charged the estimate after settleBy. out_of_credits: we ended it where the account
 * could pay for no more.
 */
export type SettlementOutcome = 'completed' | 'client_gone' | 'cut' | 'abandoned' | 'out_of_credits';

export interface SettledCost {
  /** Pico-credits, exact. */
  readonly exact: string;
  /** Nano-credits, rounded up once: what the account pays. */
  readonly rounded: NanoText;
  readonly lines: readonly CostLine[];
}

export interface CostLine {
  readonly class: string;
  /** The quantity: tokens, but requests in class `requests` and searches in `web_searches`. */
  readonly tokens: number;
  /** Pico-credits per unit of that quantity. */
  readonly price: string;
  /** Pico-credits: quantity × price. */
  readonly amount: string;
}

export interface SettledUsage {
  /** Tokens per class, and counts of what is no token; the classes do not overlap. Absent classes are zero. */
  readonly classes: Readonly<Record<string, number>>;
  /** provider: the provider's own figures. drained: those, read to the end after the client left. estimated: counted here. */
  readonly source: 'provider' | 'drained' | 'estimated';
  /** What did not add up in the provider's figures, where anything did not. */
  readonly anomalies?: readonly string[];
}

export interface ProviderAttempt {
  readonly provider: string;
  readonly upstreamModel: string;
  readonly upstreamId?: string;
  /** The provider's HTTP status; 0 where there was none. */
  readonly status: number;
  /** Which model it was called for, where the caller had named several. */
  readonly model?: string;
  /** How it failed; absent where it served: `rate_limited`, `overloaded`, `unavailable`, `timeout`, `refused`, `credentials`. */
  readonly failure?: string;
}

/** How an answer was given: figures for people, from which nothing is computed. */
export interface AnswerFacts {
  readonly streamed: boolean;
  /** As the client was told. */
  readonly finishReason?: string;
  /** Milliseconds from the reservation to the provider's first sign of an answer. */
  readonly latencyMs: number;
  /** Milliseconds from the reservation to the end of the answer. */
  readonly durationMs: number;
}

export interface ReservationReleased {
  readonly type: 'ReservationReleased';
  readonly data: {
    readonly reservationId: string;
    readonly generationId: string;
    readonly keyId: string;
    readonly releases: readonly LotAmount[];
    readonly reason: ReleaseReason;
    /** The calls that were made, where any was. */
    readonly attempts?: readonly ProviderAttempt[];
  };
}

/** abandoned: its process died, or never told how the call ended; a recovery gave it back after settleBy. */
export type ReleaseReason = 'provider_error' | 'refused' | 'never_started' | 'nothing_served' | 'client_gone' | 'abandoned';

/** Usage that became known after the reservation had been given back: it is charged to what is free then. */
export interface LateSettlementRecorded {
  readonly type: 'LateSettlementRecorded';
  readonly data: Omit<ReservationSettled['data'], 'releases'>;
}

export interface CreditsExpired {
  readonly type: 'CreditsExpired';
  readonly data: { readonly lotId: string; readonly amount: NanoText };
}

export interface ShortfallRepaid {
  readonly type: 'ShortfallRepaid';
  readonly data: { readonly lotId: string; readonly amount: NanoText };
}

/** A cost is given back to the lots that paid it. */
export interface GenerationRefunded {
  readonly type: 'GenerationRefunded';
  readonly data: {
    readonly refundId: string;
    readonly generationId: string;
    /** credits + waived + regranted. */
    readonly amount: NanoText;
    /** In reverse order of debit, never more to a lot than it paid for this generation. */
    readonly credits: readonly LotAmount[];
    /** What of the account's receivable is forgiven, where the generation's shortfall still stood. */
    readonly waived: NanoText;
    /** What would have gone to expired lots and is granted anew instead, by the CreditsGranted that follows. */
    readonly regranted: NanoText;
    readonly reason: string;
    /** expire: what goes back to an expired lot expires at once. goodwill: it becomes a new lot instead. */
    readonly intoExpired: 'expire' | 'goodwill';
  };
}

/** Unused credits of a payment are taken out, and their price is paid back. */
export interface TopUpRefunded {
  readonly type: 'TopUpRefunded';
  readonly data: {
    readonly refundId: string;
    readonly paymentId: string;
    readonly lotId: string;
    readonly amount: NanoText;
    /** Money paid back, in nano-units of the currency: amount at the lot's cost basis. */
    readonly cash: string;
    readonly currency: string;
  };
}

/** A payment is disputed: what is left of the credits that it bought cannot be spent until the dispute ends. */
export interface LotsFrozen {
  readonly type: 'LotsFrozen';
  readonly data: {
    readonly disputeId: string;
    readonly paymentId: string;
    /** What is disputed, in credits: the payment less what of it was refunded in cash. */
    readonly claimed: NanoText;
    /** Frozen now; what open reservations hold is frozen when it comes back. */
    readonly lots: readonly LotAmount[];
  };
}

/** The dispute was won: what it had frozen can be spent again. */
export interface LotsUnfrozen {
  readonly type: 'LotsUnfrozen';
  readonly data: { readonly disputeId: string; readonly lots: readonly LotAmount[] };
}

/** The dispute was lost: what it had frozen is gone, and what had been spent of it is owed. */
export interface CreditsClawedBack {
  readonly type: 'CreditsClawedBack';
  readonly data: { readonly disputeId: string; readonly lots: readonly LotAmount[]; readonly receivable: NanoText };
}

/** A correction by hand, asked for by one person and approved by another. */
export interface CreditsAdjusted {
  readonly type: 'CreditsAdjusted';
  readonly data: {
    readonly adjustmentId: string;
    readonly lines: readonly AdjustmentLine[];
    /** Opaque ids of persons, never names. */
    readonly requestedBy: string;
    readonly approvedBy: string;
    readonly reason: string;
  };
}

export interface AdjustmentLine {
  readonly lotId: string;
  /** Nano-credits as decimal text, negative where credits are taken away. */
  readonly amount: string;
}

export const accountStream = (accountId: string): string => `account-${accountId}`;
