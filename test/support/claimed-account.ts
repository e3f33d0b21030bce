/** An account's events as somebody claims them, true or not: sealed and chained, an hour after each other. */
import type { RawEvent } from '../../src/event-store/read-wire.js';
import { costOf, PRICE, SealedStream } from './sealed-stream.js';

export const HOUR = 3_600_000;
export const START = Date.UTC(2026, 0, 1);
export const iso = (at: number): string => new Date(at).toISOString();
export type Parts = Record<string, number>;
export const parts = (amounts: Parts) => Object.entries(amounts).map(([lotId, amount]) => ({ lotId, amount: `${amount}` }));

export class Claim {
  readonly events: RawEvent[] = [];
  readonly stream = new SealedStream('account-a');
  private now = START;
  private commands = 0;

  get at(): number {
    return this.now;
  }

  add(type: string, data: object, commandId = `c${++this.commands}`, hours = 1): this {
    this.now += hours * HOUR;
    this.events.push(this.stream.add(type, data, commandId, this.now));
    return this;
  }

  /** In the command of the event before. */
  also(type: string, data: object): this {
    return this.add(type, data, `c${this.commands}`, 0);
  }

  granted(lotId: string, amount: number, about: object = {}): this {
    const effectiveAt = iso(START);
    const terms = { kind: 'promo', costBasis: '0', currency: 'USD', priority: 50, effectiveAt, ...about };
    return this.add('CreditsGranted', { lotId, grantId: `g-${lotId}`, amount: `${amount}`, ...terms });
  }

  bought(lotId: string, amount: number, about: object = {}): this {
    return this.granted(lotId, amount, { kind: 'top_up', costBasis: '1000000000', paymentId: `p-${lotId}`, ...about });
  }

  reserved(id: string, holds: Parts, about: object = {}): this {
    const amount = Object.values(holds).reduce((sum, part) => sum + part, 0);
    const quote = { model: 'm', priceVersion: PRICE.version, promptTokensMax: 1, completionTokensMax: 1 };
    const terms = { burnDownOrder: 'mcphub@1', quote, settleBy: iso(this.now + 10 * HOUR), ...about };
    return this.add('CreditsReserved', { ...call(id), amount: `${amount}`, holds: parts(holds), ...terms });
  }

  settled(id: string, debits: Parts, releases: Parts = {}, about: object = {}, type = 'ReservationSettled'): this {
    const debited = Object.values(debits).reduce((sum, part) => sum + part, 0);
    const terms = { model: 'm', attempts: [], outcome: 'completed', shortfall: '0', ...costOf(BigInt(debited)) };
    const back = type === 'ReservationSettled' ? { releases: parts(releases) } : {};
    return this.add(type, { ...call(id), debits: parts(debits), ...back, ...terms, ...about });
  }

  released(id: string, releases: Parts): this {
    return this.add('ReservationReleased', { ...call(id), releases: parts(releases), reason: 'refused' });
  }

  refunded(id: string, credits: Parts, about: object = {}): this {
    const amount = Object.values(credits).reduce((sum, part) => sum + part, 0);
    const terms = { refundId: `f-${this.commands}`, reason: 'r', intoExpired: 'expire', waived: '0', regranted: '0', ...about };
    return this.add('GenerationRefunded', { generationId: id, amount: `${amount}`, credits: parts(credits), ...terms });
  }
}

export const call = (id: string) => ({ reservationId: id, generationId: id, keyId: 'k' });
export const opened = (limit?: number): Claim =>
  new Claim()
    .add('AccountOpened', { accountId: 'a', username: 'u', tier: 'free', burnDownOrder: 'mcphub@1', overdraftPolicy: 'none' })
    .add('ApiKeyIssued', { keyId: 'k', secretHash: 'h', name: 'n', ...(limit !== undefined && { limit: `${limit}` }) });
