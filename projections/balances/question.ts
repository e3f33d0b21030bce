import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AsOf, asOfOf } from '../runtime/as-of.js';
import { minPositionOf } from '../runtime/min-position.js';

/** Who asks about which account, and how fresh the answer is to be. */
export interface Question {
  readonly accountId: string;
  /** Undefined where the answer is about the account alone. */
  readonly keyId: string | undefined;
  /** Commit position of the store that the rows must have reached. */
  readonly position: bigint;
  /** Undefined: as it is now. */
  readonly asOf: AsOf | undefined;
}

/** What every question about an account may say, in its address. */
export interface Asked {
  readonly min_position?: string | undefined;
  readonly as_of?: string | undefined;
}

/**
 * The same, and nothing else: who misspells `as_of` would else take today's figures for those of another day. `/quota` and
 * `credit-balance` take more, since clients that are not ours ask them.
 */
export const strictlyAsked = z.strictObject({ min_position: z.string().optional(), as_of: z.string().optional() });

/**
 * The question that an authenticated request asks: about its own account, at least as fresh as what authentication has seen and
 * as `min_position`, the position that an earlier write answered with, or as it was `as_of`.
 */
export function questionOf(request: FastifyRequest, { min_position, as_of }: Asked): Question {
  const { principal } = request;
  if (!principal) throw new Error('the route is not guarded by authentication');
  const asked = minPositionOf(min_position);
  return {
    accountId: principal.accountId,
    keyId: principal.keyId,
    position: asked > principal.position ? asked : principal.position,
    asOf: asOfOf(as_of),
  };
}

/** The same of the administration, which may ask about any account. */
export function questionAbout(accountId: string, { min_position, as_of }: Asked): Question {
  return { accountId, keyId: undefined, position: minPositionOf(min_position), asOf: asOfOf(as_of) };
}
