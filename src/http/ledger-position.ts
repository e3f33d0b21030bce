import type { FastifyReply } from 'fastify';

/** Tells a client from which position of the ledger on a read shows its write: it asks with `min_position`. */
export const LEDGER_POSITION = 'x-ledger-position';

/** States the position of a write; nothing where it is not known. */
export function statePosition(reply: FastifyReply, position: bigint | string | undefined): void {
  if (position !== undefined) void reply.header(LEDGER_POSITION, String(position));
}

/** States the position that the body of an answer carries, be it still a value or already JSON; nothing where it carries none. */
export function statePositionOf(reply: FastifyReply, body: unknown): void {
  const value = typeof body === 'string' ? parsed(body) : body;
  const position = (value as { position?: unknown } | null | undefined)?.position;
  if (typeof position === 'string') statePosition(reply, position);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
