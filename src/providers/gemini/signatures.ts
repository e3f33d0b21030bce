/**
 * Thought signatures, which Gemini gives with parts and wants back on the same parts: it cannot go on thinking without them, and
 * from the third generation refuses a function call that has lost its own. `reasoning_details` carries them to the client and back.
 */
import { objectsIn, textIn } from './values.js';

export const FORMAT = 'google-gemini-v1';

/**
 * What Google's guide to thought signatures names for calls that have none, made by another model or by hand: it then checks
 * none. Clients that know nothing of `reasoning_details` lose every signature, and their tool loop would end with a refusal.
 */
export const UNSIGNED = 'skip_thought_signature_validator';

export interface Signatures {
  /** By the id of the tool call. */
  readonly ofCalls: ReadonlyMap<string, string>;
  /** Of what was said, in order. */
  readonly ofText: readonly string[];
}

/** The signatures in an assistant's `reasoning_details`. Those of other providers mean nothing to Gemini. */
export function signaturesIn(details: unknown): Signatures {
  const ofCalls = new Map<string, string>();
  const ofText: string[] = [];
  for (const detail of objectsIn(details)) {
    const signature = textIn(detail['data']) ?? textIn(detail['signature']);
    if (detail['format'] !== FORMAT || signature === undefined) continue;
    const id = textIn(detail['id']);
    if (id === undefined) ofText.push(signature);
    else ofCalls.set(id, signature);
  }
  return { ofCalls, ofText };
}

/** Whether the model refuses a function call without a signature: from the third generation. */
export const mustSign = (model: string): boolean => /(?:^|\/)gemini-(?:[3-9]|\d\d)/.test(model);
