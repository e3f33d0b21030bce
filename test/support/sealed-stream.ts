/** A stream whose events are sealed and chained as the program does it, whether they are true or not. */
import { type EventToAppend, GENESIS_HASH, seal } from '../../src/event-store/envelope.js';
import type { RawEvent } from '../../src/event-store/read-wire.js';

export class SealedStream {
  readonly events: EventToAppend[] = [];
  private previousHash: string;
  private command = '';
  private index = 0;

  /** @param after the stream's last event where it has any already, and the positions that its next events take */
  constructor(
    readonly stream: string,
    private readonly after: { revision: bigint; hash: string; position: bigint } = {
      revision: -1n,
      hash: GENESIS_HASH,
      position: 99n,
    },
  ) {
    this.previousHash = after.hash;
  }

  /** The next event. One that follows under the same command is part of it. */
  add(type: string, data: object, commandId: string, at: number): RawEvent {
    this.index = commandId === this.command ? this.index + 1 : 0;
    this.command = commandId;
    const revision = this.after.revision + BigInt(this.events.length + 1);
    const cause = { commandId, correlationId: 'c', actor: { type: 'system', id: 'test' } } as const;
    const place = { stream: this.stream, revision, previousHash: this.previousHash };
    const sealed = seal(place, { type, data }, cause, this.index, new Date(at).toISOString());
    this.events.push(sealed);
    this.previousHash = sealed.hash;
    return {
      id: sealed.id,
      type,
      stream: this.stream,
      revision: Number(revision),
      position: this.after.position + BigInt(this.events.length),
      dataText: sealed.dataJson,
      metadataText: sealed.metadataJson,
    };
  }
}

/** A price of a thousandth of a nano-credit for each token of the prompt: the cost is the number of tokens, in nano-credits. */
export const PRICE = { stream: 'price-m', version: 'm@1' } as const;
export const pricesPublished = {
  model: 'm',
  priceVersion: PRICE.version,
  effectiveAt: '2020-01-01T00:00:00.000Z',
  formulaVersion: 'usage@1',
  prices: { prompt: '0.000000001', completion: '0.000000002' },
};

/** A cost that can be computed again at that price, and the usage that it comes from. */
export const costOf = (nanoCredits: bigint) => {
  const exact = (nanoCredits * 1000n).toString();
  const line = { class: 'input_uncached', tokens: Number(nanoCredits), price: '1000', amount: exact };
  return {
    cost: { exact, rounded: nanoCredits.toString(), lines: nanoCredits === 0n ? [] : [line] },
    usage: { classes: { input_uncached: Number(nanoCredits) }, source: 'provider' },
    priceVersion: PRICE.version,
    formulaVersion: 'usage@1',
  };
};
