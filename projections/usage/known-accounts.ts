import { Injectable } from '@nestjs/common';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { ApiError } from '../../src/http/api-error.js';
import { isAccountId } from '../../src/kernel/ids.js';

/** Tells an account that has used nothing from one that there is not: the store says, not the rows. */
@Injectable()
export class KnownAccounts {
  constructor(private readonly store: EventStore) {}

  /** Throws 404 where there is no such account. @param param that names it in the request */
  async mustExist(accountId: string, param: 'account_id' | 'user_id'): Promise<void> {
    if (isAccountId(accountId)) for await (const _ of this.store.readBackwards(accountStream(accountId))) return;
    throw new ApiError(404, 'account_not_found', 'There is no such account', { param, metadata: { error_type: 'not_found' } });
  }
}
