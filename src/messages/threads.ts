import { anthropicErrorBody } from '../http/error-body.js';
import { invalid } from '../http/validation.js';

/**
 * The body of the 400 for a conversation that Anthropic is to keep (its beta of message threads; @anthropic-ai/sdk 1.12.0,
 * `ThreadState.recoversFrom`). Such a request holds only what is new, so that it must not be taken for the whole. By these details the
 * SDK's tool runner, which asks for a thread by itself, knows to send the whole conversation instead.
 */
export function threadsRefused(requestId: string): object {
  const refused = anthropicErrorBody(
    invalid('thread', 'needs stored state, and nothing is stored here: send all messages'),
    requestId,
  );
  const { error, ...rest } = refused as { readonly error: object };
  return { ...rest, error: { ...error, details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } } };
}
