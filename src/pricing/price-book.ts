import type { Cause } from '../event-store/envelope.js';
import type { EventStore, StoredEvent } from '../event-store/event-store.js';
import type { Clock, Instant } from '../kernel/time.js';
import { BookedModel, type PricedModel, StreamHead } from './booked-model.js';
import type { PriceVersion } from './domain/model.js';
import { MODELS_STREAM, type ModelListed, PRICE_STREAM_PREFIX, priceStream } from './domain/pricing.events.js';
import { type PublishModel, type PublishModelRejection, publishModelDecider } from './domain/publish-model.js';
import { aliasNames, nameTable, slugOf } from './model-names.js';
import { appendBehind, followPrices } from './price-streams.js';

/** `alias_taken`: another model has that name. */
export type PublicationRejection =
  | PublishModelRejection
  | { readonly reason: 'alias_taken'; readonly field: string; readonly takenBy: string };

export type Publication = { readonly model: PricedModel } | { readonly rejection: PublicationRejection };

/**
 * All models and their prices in memory, kept current with the event store: what this process publishes and what others do.
 * Answers are synchronous and are the price in force by the gateway's clock.
 */
export class PriceBook {
  /** In the order of stream `models`. */
  private readonly models = new Map<string, BookedModel>();
  private readonly index = new StreamHead();
  /** Greatest commit position seen. */
  private position = -1n;
  private names: Map<string, BookedModel> | undefined;
  private listed: { readonly models: readonly PricedModel[]; readonly from: Instant; readonly until: Instant } | undefined;
  private readonly closing = new AbortController();
  private following: Promise<void> | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  /**
   * Reads the book and begins to follow it. Read twice: an event at or before the greatest position of the first reading was
   * written before the second began, so that following after that position misses nothing, although the streams were not
   * read at one moment, and need not search the history before it.
   */
  async load(): Promise<void> {
    await this.catchUp();
    const after = this.position;
    await this.catchUp();
    this.following = followPrices(this.store, after < 0n ? undefined : after, this.closing.signal, (event) => this.apply(event));
  }

  /** Stops following. The store stays open. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.following;
  }

  /** The model of that id, slug or alias, with or without its author; undefined where none is published and priced. */
  resolve(name: string): PricedModel | undefined {
    return this.byName().get(name)?.inForce(this.clock.now());
  }

  /** All models with a price in force, in the order of their first publication. The same array until something changes. */
  list(): readonly PricedModel[] {
    const now = this.clock.now();
    if (!this.listed || now < this.listed.from || now >= this.listed.until) {
      const booked = [...this.models.values()];
      const models = booked.flatMap((each) => each.inForce(now) ?? []);
      this.listed = { models, from: now, until: Math.min(...booked.map((each) => each.stableUntil(now))) };
    }
    return this.listed.models;
  }

  /** The prices of a version, whether or not it is in force; undefined where the model never had it. */
  version(model: string, priceVersion: string): PriceVersion | undefined {
    return this.models.get(model)?.model.versions.find((each) => each.priceVersion === priceVersion);
  }

  /** Slugs of the models that take a thinking budget. */
  thinkingModels(): string[] {
    return this.list()
      .filter((model) => model.reasoning?.supportsMaxTokens)
      .map(({ id }) => slugOf(id));
  }

  /**
   * Publishes a model. Content that is in force already appends nothing; a command's id has its effect once.
   * @returns the model with the price version that the publication is about, which may be scheduled
   */
  publish(command: PublishModel, cause: Cause): Promise<Publication> {
    return this.decideAndAppend(command, cause, false);
  }

  /** Publishes those of a catalogue that are not in the book; what is there stays as it is. Returns what was refused. */
  async publishMissing(
    catalogue: readonly PublishModel[],
    causeOf: (model: string) => Cause,
  ): Promise<readonly PublicationRejection[]> {
    const missing = catalogue.filter(({ catalogue: { id } }) => !this.models.get(id)?.model.catalogue);
    if (missing.length === 0) return [];
    const ids = missing.map((each) => each.catalogue.id);
    await this.enlist(ids, causeOf('catalogue'));
    const publications = await Promise.all(missing.map((each) => this.decideAndAppend(each, causeOf(each.catalogue.id), true)));
    return publications.flatMap((each) => ('rejection' in each ? [each.rejection] : []));
  }

  private async decideAndAppend(command: PublishModel, cause: Cause, onlyIfMissing: boolean): Promise<Publication> {
    const { id } = command.catalogue;
    for (;;) {
      const booked = this.models.get(id) ?? new BookedModel(id);
      const at = Math.max(this.clock.now(), booked.head.at);
      if (booked.head.knows(cause.commandId)) {
        // Of what another process has published, following may have heard the first event only.
        await this.read(priceStream(id), booked.head);
        return { model: booked.published(command.effectiveAt ?? Math.max(at, booked.head.at)) };
      }
      if (onlyIfMissing && booked.model.versions.length > 0) return { model: booked.published(Number.POSITIVE_INFINITY) };
      const decision = publishModelDecider.decide(command, booked.model, at);
      if ('rejection' in decision) return decision;
      const taken = this.takenName(command);
      if (taken) return { rejection: taken };
      if (decision.events.length === 0) return { model: booked.published(command.effectiveAt ?? at) };
      if (!this.models.has(id)) {
        await this.enlist([id], cause);
      } else {
        await appendBehind(this.store, priceStream(id), booked.head, decision.events, cause, at);
        await this.read(priceStream(id), booked.head);
      }
    }
  }

  /** Lists models before their first publication, so that the next start knows which streams to read. */
  private async enlist(ids: readonly string[], cause: Cause): Promise<void> {
    for (;;) {
      const missing = ids.filter((id) => !this.models.has(id));
      if (missing.length === 0) return;
      const events = missing.map((model): ModelListed => ({ type: 'ModelListed', data: { model } }));
      const at = Math.max(this.clock.now(), this.index.at);
      await appendBehind(
        this.store,
        MODELS_STREAM,
        this.index,
        events,
        { ...cause, commandId: `${cause.commandId}/listing` },
        at,
      );
      await this.read(MODELS_STREAM, this.index);
    }
  }

  /** Whoever else has a name that the publication asks for. */
  private takenName({ catalogue: { id, aliases } }: PublishModel): PublicationRejection | undefined {
    const owner = (name: string) => {
      const other = this.byName().get(name)?.id;
      return other === id ? undefined : other;
    };
    const takenBy = owner(id);
    if (takenBy) return { reason: 'alias_taken', field: 'slug', takenBy };
    for (const [index, alias] of aliases.entries()) {
      const by = aliasNames(id, alias)
        .map(owner)
        .find((each) => each !== undefined);
      if (by) return { reason: 'alias_taken', field: `aliases[${index}]`, takenBy: by };
    }
    return undefined;
  }

  private byName(): Map<string, BookedModel> {
    this.names ??= nameTable(
      [...this.models.values()].flatMap((each) => (each.model.catalogue ? [[each.model.catalogue, each]] : [])),
    );
    return this.names;
  }

  private async catchUp(): Promise<void> {
    await this.read(MODELS_STREAM, this.index);
    await Promise.all([...this.models.values()].map(({ id, head }) => this.read(priceStream(id), head)));
  }

  private async read(stream: string, head: StreamHead): Promise<void> {
    for await (const event of this.store.read(stream, head.revision + 1n)) this.apply(event);
  }

  private apply(event: StoredEvent): void {
    if (event.position > this.position) this.position = event.position;
    if (event.stream === MODELS_STREAM) {
      if (!this.index.take(event)) return;
      const { model } = event.data as ModelListed['data'];
      if (!this.models.has(model)) this.models.set(model, new BookedModel(model));
    } else if (event.stream.startsWith(PRICE_STREAM_PREFIX)) {
      const booked = this.models.get(event.stream.slice(PRICE_STREAM_PREFIX.length));
      if (!booked) throw new Error(`${event.stream} has events but is not in stream ${MODELS_STREAM}`);
      if (!booked.apply(event)) return;
    } else {
      return;
    }
    this.names = undefined;
    this.listed = undefined;
  }
}
