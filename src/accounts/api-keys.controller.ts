import { Body, Delete, HttpCode, Param, Patch, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { invalid, parse } from '../http/validation.js';
import { bytesOfNamedRequest } from '../idempotency/index.js';
import { LIMIT_RESETS } from '../kernel/time.js';
import { keyTermsShown } from './account.query.js';
import { problemOf } from './accounts.problems.js';
import { Administration, AdministrationOfAccounts, accountOf } from './administration.js';
import { credits, instant, parseChanges, plainText } from './administration-bodies.js';
import { keyIdOfHash, newApiKey, SECRET_BYTES } from './api-key-secrets.js';
import type { ApiKey } from './domain/account.js';
import { KEY_KINDS } from './domain/accounts.events.js';

const NAME_MAX = 200;
const HASH = /^[0-9a-f]{64}$/;

const terms = {
  limit: credits.nullish(),
  limit_reset: z.enum(LIMIT_RESETS).nullish(),
  expires_at: instant.nullish(),
};
const keyBody = z
  .strictObject({ name: plainText(NAME_MAX), kind: z.enum(KEY_KINDS).default('inference'), ...terms })
  .refine((body) => body.limit_reset == null || body.limit != null, { path: ['limit_reset'], message: 'needs a limit to reset' })
  .refine((body) => body.kind === 'inference' || body.limit == null, {
    path: ['limit'],
    message: 'goes only with inference keys',
  });
const changesBody = z.strictObject({ name: plainText(NAME_MAX).optional(), disabled: z.boolean().optional(), ...terms });

/** Administration of an account's keys: issue, change, revoke. */
@AdministrationOfAccounts()
export class ApiKeysController {
  constructor(private readonly administration: Administration) {}

  @Post(':user_id/keys')
  async issue(@Param('user_id') accountId: string, @Body() body: unknown, @Req() request: FastifyRequest): Promise<object> {
    const { name, kind, limit, limit_reset, expires_at } = parse(keyBody, body);
    const secret = bytesOfNamedRequest(request, 'api key', SECRET_BYTES);
    const { key, keyId, secretHash } = newApiKey(accountOf(accountId), secret);
    const { position } = await this.administration.once(
      accountId,
      {
        type: 'IssueApiKey',
        keyId,
        secretHash,
        name,
        kind,
        limit: limit ?? undefined,
        limitReset: limit_reset ?? undefined,
        expiresAt: expires_at ?? undefined,
      },
      `issue-key:${keyId}`,
      'ApiKeyIssued',
      (issued) => issued.keyId === keyId,
    );
    return { key, hash: secretHash, position };
  }

  @Patch(':user_id/keys/:hash')
  async change(@Param('user_id') accountId: string, @Param('hash') hash: string, @Body() body: unknown): Promise<object> {
    const { name, disabled, limit, limit_reset: limitReset, expires_at: expiresAt } = parseChanges(changesBody, body);
    const { keyId } = await this.keyOf(accountId, hash);
    const command = { type: 'ChangeApiKey', keyId, name, disabled, limit, limitReset, expiresAt } as const;
    const { account, position } = await this.administration.change(accountId, command, `change-key:${keyId}`);
    return { ...keyTermsShown(account.keys.get(keyId) as ApiKey), position: position.toString() };
  }

  @Delete(':user_id/keys/:hash')
  @HttpCode(200)
  async revoke(@Param('user_id') accountId: string, @Param('hash') hash: string): Promise<object> {
    const { keyId } = await this.keyOf(accountId, hash);
    const { position } = await this.administration.once(
      accountId,
      { type: 'RevokeApiKey', keyId },
      `revoke-key:${keyId}`,
      'ApiKeyRevoked',
      (revoked) => revoked.keyId === keyId,
    );
    return { deleted: true, position };
  }

  /** A key is named by its whole hash: one that only begins as a key's does is nobody's. */
  private async keyOf(accountId: string, hash: string): Promise<ApiKey> {
    if (!HASH.test(hash)) throw invalid('hash', 'must be the 64 hexadecimal digits of a key hash');
    const keyId = keyIdOfHash(hash);
    const key = (await this.administration.account(accountId)).keys.get(keyId);
    if (key?.secretHash !== hash) throw problemOf({ reason: 'key_not_found', keyId });
    return key;
  }
}
