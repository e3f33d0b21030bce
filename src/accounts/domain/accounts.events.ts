import type { NanoText } from '../../kernel/credits.js';
import type { LimitReset } from '../../kernel/time.js';

/**
 * The facts of an account, stream `account-{accountId}`. They are for ever: flat, JSON-safe, free of other classes; amounts
 * are nano-credits as decimal text, times ISO 8601 in UTC. A new field is optional; a changed meaning is a new version.
 */
export type AccountEvent =
  | AccountOpened
  | ApiKeyIssued
  | ApiKeyRevoked
  | CreditsGranted
  | CreditsReserved
  | ReservationSettled
  | ReservationReleased
  | CreditsExpired
  | ShortfallRepaid;

export const TIERS = ['free', 'premium', 'enterprise', 'internal'] as const;
export type Tier = (typeof TIERS)[number];

export const GRANT_KINDS = ['top_up', 'promo', 'goodwill'] as const;
export type LotKind = (typeof GRANT_KINDS)[number] | 'refund';

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
    readonly kind: LotKind;
    readonly amount: NanoText;
    /** Money paid per credit, in nano-units of the currency as decimal text: "1000000000" at par, "0" where they were given. */
    readonly costBasis: string;
    readonly currency: string;
    readonly priority: number;
    readonly effectiveAt: string;
    readonly expiresAt?: string;
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
    readonly attempts: readonly ProviderAttempt[];
    readonly debits: readonly LotAmount[];
    readonly releases: readonly LotAmount[];
    readonly shortfall: NanoText;
    readonly outcome: SettlementOutcome;
  };
}

/** completed: the answer ended by itself. client_gone: the client left. cut: the provider broke off after bytes were served. */
export type SettlementOutcome = 'completed' | 'client_gone' | 'cut';

export interface SettledCost {
  /** Pico-credits, exact. */
  readonly exact: string;
  /** Nano-credits, rounded up once: what the account pays. */
  readonly rounded: NanoText;
  readonly lines: readonly CostLine[];
}

export interface CostLine {
  readonly class: string;
  readonly tokens: number;
  /** Pico-credits per token. */
  readonly price: string;
  /** Pico-credits: tokens × price. */
  readonly amount: string;
}

export interface SettledUsage {
  /** Tokens per class; the classes do not overlap. Absent classes are zero. */
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
  readonly status: number;
}

export interface ReservationReleased {
  readonly type: 'ReservationReleased';
  readonly data: {
    readonly reservationId: string;
    readonly generationId: string;
    readonly keyId: string;
    readonly releases: readonly LotAmount[];
    readonly reason: ReleaseReason;
  };
}

export type ReleaseReason = 'provider_error' | 'refused' | 'never_started' | 'nothing_served' | 'client_gone';

export interface CreditsExpired {
  readonly type: 'CreditsExpired';
  readonly data: { readonly lotId: string; readonly amount: NanoText };
}

export interface ShortfallRepaid {
  readonly type: 'ShortfallRepaid';
  readonly data: { readonly lotId: string; readonly amount: NanoText };
}

export const accountStream = (accountId: string): string => `account-${accountId}`;
