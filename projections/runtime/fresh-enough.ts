import { ApiError } from '../../src/http/api-error.js';
import type { Freshness } from './freshness.js';

/** The 503 of an answer that would not be as fresh as it has to be. @param subject what is behind, with its verb: "The usage is" */
export const projectionBehind = (subject: string, retryAfterSeconds = 1): ApiError =>
  new ApiError(503, 'projection_behind', `${subject} not up to date yet, please try again`, { retryAfterSeconds });

/** Waits until everything up to `position` is folded. Throws what `behind` makes where that takes longer than `timeoutMs`. */
export async function freshEnough(
  freshness: Freshness,
  projection: Parameters<Freshness['waitFor']>[0],
  position: bigint,
  timeoutMs: number,
  behind: () => ApiError,
): Promise<void> {
  if (!(await freshness.waitFor(projection, position, timeoutMs))) throw behind();
}
