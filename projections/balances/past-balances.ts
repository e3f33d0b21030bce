import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { AccountUnreadable } from '../../src/event-store/errors.js';
import { EventStore, type StoredEvent } from '../../src/event-store/event-store.js';
import { GatewayClock } from '../../src/http/clock.js';
import { type Instant, instantFromText } from '../../src/kernel/time.js';
import { type AsOf, mustBePast } from '../runtime/as-of.js';
import { MemoryTables } from '../runtime/fold-in-memory.js';
import { BalanceMoments } from './balance-moments.js';
import type { AccountBalance, BalanceTables } from './balance-tables.projection.js';
import { balances } from './balances.projection.js';
import { readModelUnavailable } from './fresh-balances.js';

export interface PastRows {
  readonly account: AccountBalance;
  readonly lots: readonly BalanceTables['lots'][];
  readonly keys: readonly BalanceTables['keys'][];
  /** The moment that the rows are looked at: the one asked for, or that of the account's last event up to the position asked for. */
  readonly at: Instant;
}

/**
 * The rows of an account as they were: folded anew from its stream, by the fold that makes the stored ones, from the last moment
 * that was kept before the point asked for. Nothing but the events is trusted where there is no moment.
 */
@Injectable()
export class PastBalances {
  private readonly logger = new Logger('balances');
  private readonly moments: BalanceMoments;

  constructor(
    private readonly dataSource: DataSource,
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {
    this.moments = new BalanceMoments(dataSource);
  }

  /**
   * @returns undefined where the account did not exist then
   * Throws the 400 that names `as_of` where that lies ahead, AccountUnreadable where an event until then cannot be folded.
   */
  async read(accountId: string, asOf: AsOf): Promise<PastRows | undefined> {
    const head = 'position' in asOf ? await this.store.headPosition([accountStream('')]) : 0n;
    mustBePast(asOf, this.clock.now(), head);
    const moment = await this.moments.before(this.dataSource, accountId, asOf).catch((error: Error) => {
      this.logger.error({ msg: 'the read models cannot be read', error: error.message });
      throw readModelUnavailable();
    });
    const tables = new MemoryTables(balances);
    if (moment) {
      tables.load('accounts', moment.rows.accounts);
      tables.load('lots', moment.rows.lots);
      tables.load('keys', moment.rows.keys);
      tables.load('reservations', moment.rows.reservations);
    }
    for await (const event of this.store.read(accountStream(accountId), moment ? moment.revision + 1n : 0n)) {
      if (!isUntil(asOf, event)) break;
      foldOrRefuse(tables, event);
    }
    const [account] = tables.rows('accounts');
    if (!account) return undefined;
    const at = 'at' in asOf ? asOf.at : account.lastEventAt;
    return { account, lots: tables.rows('lots'), keys: tables.rows('keys'), at };
  }
}

/** Neither positions nor times go back within an account's stream. */
const isUntil = (asOf: AsOf, { position, metadata }: StoredEvent): boolean =>
  'at' in asOf ? !(instantFromText(metadata?.occurredAt) > asOf.at) : position <= asOf.position;

function foldOrRefuse(tables: MemoryTables<BalanceTables>, event: StoredEvent): void {
  try {
    tables.fold(event);
  } catch {
    throw new AccountUnreadable(event.stream, event.revision, event.type);
  }
}
