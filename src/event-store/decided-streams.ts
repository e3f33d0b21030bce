import { setTimeout as delay } from 'node:timers/promises';
import type { Decider, Rejection } from '../kernel/decider.js';
import { type Clock, type Instant, instantFromText, instantToText } from '../kernel/time.js';
import { type Cause, type EventToAppend, GENESIS_HASH, seal } from './envelope.js';
import { AppendOutcomeUnknown, WrongExpectedRevision } from './errors.js';
import type { EventStore, StoredEvent } from './event-store.js';

/** Some six seconds in all: a gRPC channel takes one to connect again. */
const ATTEMPTS_MAX = 8;
const BACK_OFF_MIN_MS = 50;

export interface AnyEvent {
  readonly type: string;
  readonly data: object;
}

/** A stream folded to its end. */
export interface FoldedStream<State> {
  readonly state: State;
  /** Of the last event; -1 where the stream does not exist. */
  readonly revision: bigint;
  readonly position: bigint;
  readonly lastHash: string;
  /** Of the last event; 0 where the stream does not exist. */
  readonly lastAt: Instant;
}

/** What a command came to. */
export interface Outcome<State, Event, No> {
  /** Appended now; none where the command had its effect before, or was refused. */
  readonly events: readonly Event[];
  readonly rejection: No | undefined;
  /** With the events appended now. */
  readonly state: State;
  /** Of the stream's last event: a read that has seen it has seen the command's effect. */
  readonly position: bigint;
}

/**
 * Decides on short streams that few write to, each a boundary of its own: read to the end, decide, append at the exact revision,
 * linked into the hash chain; a lost race is read and decided again. An append of unknown outcome is repeated with the same ids at
 * the same place. That a command asked twice has one effect is the decision's business: it must know the command by its name.
 */
export class DecidedStreams {
  constructor(
    private readonly store: Pick<EventStore, 'append' | 'read'>,
    private readonly clock: Clock,
  ) {}

  /** Throws EventStoreUnavailable, or what the fold throws. */
  async read<State, Event extends AnyEvent>(
    { initialState, evolve }: Pick<Decider<never, State, Event, never>, 'initialState' | 'evolve'>,
    stream: string,
  ): Promise<FoldedStream<State>> {
    let folded: FoldedStream<State> = {
      state: initialState(),
      revision: -1n,
      position: -1n,
      lastHash: GENESIS_HASH,
      lastAt: 0,
    };
    for await (const stored of this.store.read(stream)) folded = after(folded, stored, evolve);
    return folded;
  }

  /** Throws EventStoreUnavailable, AppendOutcomeUnknown after many attempts, or what the fold throws. */
  async execute<Command, State, Event extends AnyEvent, No extends Rejection>(
    decider: Decider<Command, State, Event, No>,
    stream: string,
    command: Command,
    cause: Cause,
  ): Promise<Outcome<State, Event, No>> {
    for (let attempt = 1; ; attempt++) {
      const folded = await this.read(decider, stream);
      const at = Math.max(this.clock.now(), folded.lastAt);
      const decision = decider.decide(command, folded.state, at);
      if ('rejection' in decision)
        return { events: [], rejection: decision.rejection, state: folded.state, position: folded.position };
      const { events } = decision;
      if (events.length === 0) return { events, rejection: undefined, state: folded.state, position: folded.position };
      const sealed = sealAll(stream, folded, events, cause, at);
      try {
        const { position } = await this.store.append(stream, sealed, folded.revision);
        const state = events.reduce((before, event) => decider.evolve(before, event, at), folded.state);
        return { events, rejection: undefined, state, position };
      } catch (error) {
        const isRace = error instanceof WrongExpectedRevision;
        const isUnknown = error instanceof AppendOutcomeUnknown;
        if ((!isRace && !isUnknown) || attempt === ATTEMPTS_MAX) throw error;
        await delay(BACK_OFF_MIN_MS * 2 ** (attempt - 1));
        const landed = await this.landed(stream, folded.revision, sealed);
        if (landed) {
          const state = events.reduce((before, event) => decider.evolve(before, event, at), folded.state);
          return { events, rejection: undefined, state, position: landed.position };
        }
      }
    }
  }

  /** The last event of an append of ours, where the chain says that it landed. */
  private async landed(stream: string, behind: bigint, sealed: readonly EventToAppend[]): Promise<StoredEvent | undefined> {
    const last = sealed.at(-1);
    for await (const stored of this.store.read(stream, behind + BigInt(sealed.length)))
      return stored.metadata?.hash === last?.hash ? stored : undefined;
    return undefined;
  }
}

function after<State, Event extends AnyEvent>(
  folded: FoldedStream<State>,
  { type, data, metadata, revision, position }: StoredEvent,
  evolve: (state: State, event: Event, at: Instant) => State,
): FoldedStream<State> {
  const lastAt = instantFromText(metadata.occurredAt);
  return { state: evolve(folded.state, { type, data } as Event, lastAt), revision, position, lastHash: metadata.hash, lastAt };
}

function sealAll(
  stream: string,
  { revision, lastHash }: FoldedStream<unknown>,
  events: readonly AnyEvent[],
  cause: Cause,
  at: Instant,
): EventToAppend[] {
  let previousHash = lastHash;
  return events.map((event, index) => {
    const place = { stream, revision: revision + 1n + BigInt(index), previousHash };
    const sealed = seal(place, event, cause, index, instantToText(at));
    previousHash = sealed.hash;
    return sealed;
  });
}
