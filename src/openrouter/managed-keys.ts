import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type AccountCommand,
  AccountWriter,
  type Answer,
  type ApiKey,
  isUsable,
  keyIdOfHash,
  newApiKey,
  problemOf,
} from '../accounts/index.js';
import type { Principal } from '../http/authentication.js';
import { GatewayClock } from '../http/clock.js';
import type { NanoCredits } from '../kernel/credits.js';
import type { AccountId } from '../kernel/ids.js';
import type { Instant, LimitReset } from '../kernel/time.js';

const HASH = /^[0-9a-f]{64}$/;

export interface KeyTerms {
  readonly name: string;
  readonly limit: NanoCredits | undefined;
  readonly limitReset: LimitReset | undefined;
  readonly expiresAt: Instant | undefined;
}

/** Undefined keeps a term, null lifts it. */
export interface KeyChanges {
  readonly name?: string | undefined;
  readonly limit?: NanoCredits | null | undefined;
  readonly limitReset?: LimitReset | null | undefined;
  readonly disabled?: boolean | undefined;
}

/** A key after a command, and the position that shows it. */
export interface ManagedKey {
  readonly key: ApiKey;
  readonly position: bigint;
}

/**
 * What a management key may do with the keys of its own account: it sees and changes inference keys, and neither itself nor another
 * management key. All of it throws ApiError where the account says no.
 */
@Injectable()
export class ManagedKeys {
  constructor(
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {}

  /** The inference keys that were not deleted, in the order they were issued. */
  async list(principal: Principal): Promise<{ keys: readonly ApiKey[]; position: bigint }> {
    const { keys, position } = await this.keysOf(principal);
    return { keys: [...keys.values()].filter(isManaged), position };
  }

  /** The key of a hash. Throws 404 where the account has none, or has deleted it. */
  async one(principal: Principal, hash: string): Promise<ManagedKey> {
    const { keys, position } = await this.keysOf(principal);
    return { key: withHash(keys, hash, isManaged), position };
  }

  /**
   * How far the account has come now, and any key that it ever had, of either kind. Throws 404 where a hash is given and the account
   * has no such key.
   */
  async now(principal: Principal, hash?: string): Promise<{ position: bigint; key: ApiKey | undefined }> {
    const { keys, position } = await this.keysOf(principal);
    return { position, key: hash === undefined ? undefined : withHash(keys, hash, () => true) };
  }

  /**
   * Issues an inference key.
   * @param secret of the key, where a named request always gives the same one
   * @returns also the key in clear, for the only time
   */
  async issue(principal: Principal, terms: KeyTerms, secret: Buffer | undefined): Promise<ManagedKey & { secret: string }> {
    await this.keysOf(principal);
    const { key: inClear, keyId, secretHash } = newApiKey(principal.accountId, secret);
    const answer = await this.execute(principal, { type: 'IssueApiKey', keyId, secretHash, ...terms }, `issue-key:${keyId}`);
    return { key: answer.account.keys.get(keyId) as ApiKey, position: answer.position, secret: inClear };
  }

  async change(principal: Principal, hash: string, changes: KeyChanges): Promise<ManagedKey> {
    const { keyId } = (await this.one(principal, hash)).key;
    const name = `change-key:${keyId}:${randomUUID()}`;
    const answer = await this.execute(principal, { type: 'ChangeApiKey', keyId, ...changes }, name);
    return { key: answer.account.keys.get(keyId) as ApiKey, position: answer.position };
  }

  /** Deletes a key for ever. */
  async revoke(principal: Principal, hash: string): Promise<void> {
    const { keyId } = (await this.one(principal, hash)).key;
    await this.execute(principal, { type: 'RevokeApiKey', keyId }, `revoke-key:${keyId}`);
  }

  /**
   * The keys as the stream says now. Authentication may have gone by what this process knew: a management key that was revoked
   * elsewhere manages nothing.
   */
  private async keysOf({ accountId, keyId }: Principal): Promise<{ keys: ReadonlyMap<string, ApiKey>; position: bigint }> {
    const { account, position } = await this.accounts.refresh(accountId);
    const own = account.keys.get(keyId);
    if (!own || !isUsable(own, this.clock.now())) throw problemOf({ reason: 'key_not_usable' });
    return { keys: account.keys, position };
  }

  private async execute({ accountId, keyId }: Principal, command: AccountCommand, name: string): Promise<Answer> {
    const answer = await this.accounts.execute(accountId, command, causeOf(accountId, keyId, name));
    if (answer.rejection) throw problemOf(answer.rejection);
    return answer;
  }
}

const isManaged = (key: ApiKey): boolean => key.kind === 'inference' && !key.revoked;

/** A key is named by its whole hash: one that only begins as a key's does is nobody's. */
function withHash(keys: ReadonlyMap<string, ApiKey>, hash: string, isMeant: (key: ApiKey) => boolean): ApiKey {
  const keyId = keyIdOfHash(hash);
  const key = HASH.test(hash) ? keys.get(keyId) : undefined;
  if (key?.secretHash !== hash || !isMeant(key)) throw problemOf({ reason: 'key_not_found', keyId });
  return key;
}

const causeOf = (accountId: AccountId, keyId: string, name: string) => ({
  commandId: `${accountId}:${name}`,
  correlationId: randomUUID(),
  actor: { type: 'api_key' as const, id: keyId },
});
