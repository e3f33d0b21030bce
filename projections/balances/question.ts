import type { FastifyRequest } from 'fastify';
import { invalid } from '../../src/http/validation.js';

/** Who asks about which account, and how fresh the answer is to be. */
export interface Question {
  readonly accountId: string;
  readonly keyId: string;
  /** Commit position of the store that the rows must have reached. */
  readonly position: bigint;
}

const POSITION = /^\d{1,19}$/;

/**
 * The question that an authenticated request asks: about its own account, at least as fresh as what authentication has seen and
 * as `min_position`, the position that an earlier write answered with.
 */
export function questionOf(request: FastifyRequest, minPosition: string | undefined): Question {
  const { principal } = request;
  if (!principal) throw new Error('the route is not guarded by authentication');
  if (minPosition !== undefined && !POSITION.test(minPosition)) {
    throw invalid('min_position', 'a position that a write answered with');
  }
  const asked = BigInt(minPosition ?? 0);
  return {
    accountId: principal.accountId,
    keyId: principal.keyId,
    position: asked > principal.position ? asked : principal.position,
  };
}
