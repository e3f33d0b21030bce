/**
 * The real event store behind a network that misbehaves where it is told to: what it passes on is really stored, what it throws is
 * what a writer hears when nobody knows. It makes nothing up.
 */
import type { EventToAppend } from '../../src/event-store/envelope.js';
import { AppendOutcomeUnknown, EventStoreUnavailable } from '../../src/event-store/errors.js';
import { type Appended, EventStore, type StoredEvent } from '../../src/event-store/event-store.js';

export const APPEND_FAULTS = [
  /** The append gets lost on its way. */
  'lost before',
  /** It is stored, and the answer gets lost. */
  'lost after',
  /** It is held up, and arrives after what its writer sends next. */
  'late',
  /** It arrives twice. */
  'twice',
  /** The process loses the store for good, before or after the append. */
  'dies before',
  'dies after',
] as const;
type AppendFault = (typeof APPEND_FAULTS)[number];
/** A read can break off after its first event. */
export type Fault = AppendFault | 'read breaks off';

export class FaultyStore extends EventStore {
  isDead = false;
  readonly happened: Fault[] = [];
  private plan: Fault[] = [];
  private heldUp: (() => Promise<unknown>)[] = [];

  /** What befalls the next appends and reads, in order. */
  expect(fault: Fault): void {
    this.plan.push(fault);
  }

  /** What was held up arrives now, and nothing befalls what comes. */
  async calm(): Promise<void> {
    this.plan = [];
    await this.deliver();
  }

  override async append(stream: string, events: readonly EventToAppend[], expected: bigint | 'any'): Promise<Appended> {
    if (this.isDead) throw unknown(stream);
    const pass = () => super.append(stream, events, expected);
    const fault = this.next((one): one is AppendFault => one !== 'read breaks off');
    switch (fault) {
      case undefined:
        return pass().finally(() => this.deliver());
      case 'twice':
        return (await Promise.all([pass(), pass().catch(() => undefined)]))[0];
      case 'late':
        this.heldUp.push(pass);
        throw unknown(stream);
      case 'dies before':
      case 'lost before':
        this.isDead = fault === 'dies before';
        throw unknown(stream);
      case 'dies after':
      case 'lost after':
        this.isDead = fault === 'dies after';
        await pass();
        throw unknown(stream);
    }
  }

  override async *read(stream: string, fromRevision = 0n): AsyncGenerator<StoredEvent> {
    if (this.isDead) throw new EventStoreUnavailable(`reading ${stream}`, 'the network is down');
    const fault = this.next((one): one is 'read breaks off' => one === 'read breaks off');
    for await (const event of super.read(stream, fromRevision)) {
      yield event;
      if (fault) break;
    }
    if (fault) throw new EventStoreUnavailable(`reading ${stream}`, fault);
  }

  /** The next fault of a kind, which then has happened. */
  private next<Kind extends Fault>(isOfKind: (fault: Fault) => fault is Kind): Kind | undefined {
    const fault = this.plan.find(isOfKind);
    if (fault === undefined) return undefined;
    this.plan.splice(this.plan.indexOf(fault), 1);
    this.happened.push(fault);
    return fault;
  }

  private async deliver(): Promise<void> {
    // Whatever comes of them, nobody is there to hear it.
    for (const append of this.heldUp.splice(0)) await append().catch(() => undefined);
  }
}

const unknown = (stream: string) => new AppendOutcomeUnknown(stream, 'the network is down');
