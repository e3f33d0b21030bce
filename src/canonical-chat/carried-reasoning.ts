import type { ChatObject } from '../providers/index.js';
import { type ReasoningDetail, reasoningDetail, textMember } from './pieces.js';

/** Thinking of Claude: its signature and its redacted data go to Anthropic and back as they are. */
export const ANTHROPIC_FORMAT = 'anthropic-claude-v1';

const PREFIX = 'reasoning_detail.';

/**
 * A detail of reasoning as one opaque string, for the forms that let a client carry one: whose reasoning it is comes back with it,
 * so that a signature of one provider is never shown to another. Nothing secret: clients of `/v1/chat/completions` get it openly.
 */
export function sealed({ index: _, ...detail }: ReasoningDetail): string {
  return PREFIX + Buffer.from(JSON.stringify(detail)).toString('base64url');
}

/** The detail in an opaque string; undefined where it was not made here. */
export function unsealed(text: string): ReasoningDetail | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  try {
    const detail: unknown = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString());
    return typeof detail === 'object' && detail !== null ? reasoningDetail(detail as ChatObject) : undefined;
  } catch {
    return undefined;
  }
}

/** A member of `reasoning_details` with its text. */
export const detailWithText = (detail: ReasoningDetail, text: string): ChatObject => ({
  ...detail,
  ...(detail.type === 'reasoning.encrypted' ? {} : { [textMember(detail.type)]: text }),
});
