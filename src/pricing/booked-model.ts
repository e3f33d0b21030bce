import { GENESIS_HASH } from '../event-store/envelope.js';
import type { StoredEvent } from '../event-store/event-store.js';
import { type Instant, instantFromText } from '../kernel/time.js';
import { evolveModel, type Model, nextChange, unpublishedModel, versionInForce } from './domain/model.js';
import type { PriceTable } from './domain/price-table.js';
import type { FormulaVersion, ModelCatalogue, PricingEvent, PublishedPrices } from './domain/pricing.events.js';

/** A model with the price version in force. The same object until something about it changes. */
export interface PricedModel extends ModelCatalogue {
  /** Parsed, for `costOf` and `quoteOf`. */
  readonly prices: PriceTable;
  /** As published: decimal text per token. */
  readonly pricing: PublishedPrices;
  readonly priceVersion: string;
  readonly formulaVersion: FormulaVersion;
}

/** How far a stream is known here: what the next append must expect and link to. */
export class StreamHead {
  revision = -1n;
  hash = GENESIS_HASH;
  at: Instant = 0;
  private readonly commandIds = new Set<string>();

  /** Takes an event once. False where it is known already; throws where one before it is missing. */
  take(event: StoredEvent): boolean {
    if (event.revision <= this.revision) return false;
    if (event.revision !== this.revision + 1n)
      throw new Error(`${event.stream} skips from ${this.revision} to ${event.revision}`);
    this.revision = event.revision;
    this.hash = event.metadata.hash;
    this.at = instantFromText(event.metadata.occurredAt);
    this.commandIds.add(event.metadata.commandId);
    return true;
  }

  /** Whether a command had its effect in this stream. */
  knows(commandId: string): boolean {
    return this.commandIds.has(commandId);
  }
}

/** One model's stream in memory, and the price in force at a time. */
export class BookedModel {
  readonly head = new StreamHead();
  model: Model = unpublishedModel();
  private current: { readonly priced: PricedModel | undefined; readonly from: Instant; readonly until: Instant } | undefined;

  constructor(readonly id: string) {}

  /** True where something changed. */
  apply(event: StoredEvent): boolean {
    if (!this.head.take(event)) return false;
    this.model = evolveModel(this.model, { type: event.type, data: event.data } as PricingEvent);
    this.current = undefined;
    return true;
  }

  /** undefined where the model is not published, or no price is in force yet: never a free call. */
  inForce(at: Instant): PricedModel | undefined {
    if (!this.current || at < this.current.from || at >= this.current.until) {
      this.current = { priced: this.pricedAt(at), from: at, until: nextChange(this.model, at) };
    }
    return this.current.priced;
  }

  /** Until when what is in force at `at` stays so, as far as is known. */
  stableUntil(at: Instant): Instant {
    return nextChange(this.model, at);
  }

  /** The model with the price that a publication is about, in force now or scheduled. */
  published(at: Instant): PricedModel {
    const priced = this.pricedAt(at);
    if (!priced) throw new Error(`${this.id} has no price at ${at}`);
    return priced;
  }

  private pricedAt(at: Instant): PricedModel | undefined {
    const version = versionInForce(this.model, at);
    if (!version || !this.model.catalogue) return undefined;
    const { prices, pricing, priceVersion, formulaVersion } = version;
    return { ...this.model.catalogue, prices, pricing, priceVersion, formulaVersion };
  }
}
