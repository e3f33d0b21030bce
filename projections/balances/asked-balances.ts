import { Injectable } from '@nestjs/common';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { ApiError } from '../../src/http/api-error.js';
import { GatewayClock } from '../../src/http/clock.js';
import type { Instant } from '../../src/kernel/time.js';
import { projectionBehind } from '../runtime/fresh-enough.js';
import type { KeySpending } from './balance-tables.projection.js';
import { type Balances, FreshBalances } from './fresh-balances.js';
import { PastBalances } from './past-balances.js';
import type { Question } from './question.js';

/** The rows that a question is about, and the moment that it is answered for. */
export interface AskedRows extends Balances {
  readonly at: Instant;
}

/** Reads an account as it is, or as it was. */
@Injectable()
export class AskedBalances {
  constructor(
    private readonly fresh: FreshBalances,
    private readonly past: PastBalances,
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {}

  /** Throws 503 where the read side has not seen the account yet, since a zero would be wrong, and 404 where there is none. */
  async read({ accountId, keyId, position, asOf }: Question): Promise<AskedRows> {
    if (asOf === undefined) {
      const balances = await this.fresh.read(accountId, keyId, position);
      if (balances) return { ...balances, at: this.clock.now() };
      // Who presents a key has an account; what the administration names need not be there.
      throw keyId !== undefined || (await this.isOpened(accountId)) ? balanceBehind() : accountNotFound();
    }
    const past = await this.past.read(accountId, asOf);
    if (!past) throw notThereThen('account');
    const lots = past.lots.filter(({ remaining }) => remaining > 0n);
    return { account: past.account, lots, key: past.keys.find((key) => key.keyId === keyId), at: past.at };
  }

  /** The same of a key. Where the read side has not seen the key yet, a zero would be wrong: throws 503. */
  async readKey(question: Question): Promise<AskedRows & { readonly key: KeySpending }> {
    const { key, ...rows } = await this.read(question);
    if (key) return { ...rows, key };
    throw question.asOf === undefined ? balanceBehind() : notThereThen('key');
  }

  private async isOpened(accountId: string): Promise<boolean> {
    for await (const _ of this.store.read(accountStream(accountId))) return true;
    return false;
  }
}

const balanceBehind = (): ApiError => projectionBehind('The balance is');

export const accountNotFound = (): ApiError =>
  new ApiError(404, 'account_not_found', 'There is no such account', { param: 'user_id', metadata: { error_type: 'not_found' } });

const notThereThen = (what: string): ApiError =>
  new ApiError(404, 'not_there_then', `The ${what} did not exist at that time`, {
    param: 'as_of',
    metadata: { error_type: 'not_found' },
  });
