import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Authenticator, type Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import { accountOfApiKey } from '../kernel/ids.js';
import { AccountWriter, type LoadedAccount } from './account-writer.js';
import { hashApiKey, keyIdOfHash } from './api-key-secrets.js';
import { isUsable } from './domain/api-keys.js';

/**
 * Checks a key against the account that it names. A cached account may be stale: a key that looks unknown is looked for again in
 * the store, and a key that was revoked elsewhere is refused by the reservation, which is decided on the stream itself.
 */
@Injectable()
export class AccountAuthenticator extends Authenticator {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {
    super();
  }

  async authenticate(apiKey: string): Promise<Principal | undefined> {
    const accountId = accountOfApiKey(apiKey);
    if (accountId === undefined) return undefined;
    const secretHash = hashApiKey(apiKey);
    const known = this.principalOf(await this.accounts.load(accountId), secretHash);
    return known ?? this.principalOf(await this.accounts.refresh(accountId), secretHash);
  }

  private principalOf({ account, position }: LoadedAccount, secretHash: string): Principal | undefined {
    const key = account.keys.get(keyIdOfHash(secretHash));
    if (!key || !isUsable(key, this.clock.now()) || !timingSafeEqual(Buffer.from(key.secretHash), Buffer.from(secretHash)))
      return undefined;
    const { accountId, tier, username } = account;
    return { accountId, keyId: key.keyId, kind: key.kind, tier, username, position };
  }
}
