/**
 * Thinking as Anthropic has it, `thinking` blocks with a signature and `redacted_thinking` blocks, and as OpenRouter has it,
 * `reasoning_details`. In a conversation with tools the blocks have to come back unchanged and in their order.
 */
export const FORMAT = 'anthropic-claude-v1';

type Detail = Readonly<Record<string, unknown>>;

export type ThinkingBlock =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'redacted_thinking'; readonly data: string };

export const textDetail = (said: { readonly text?: string; readonly signature?: string }, index: number) => ({
  type: 'reasoning.text',
  ...said,
  format: FORMAT,
  index,
});

export const encryptedDetail = (data: string, index: number) => ({ type: 'reasoning.encrypted', data, format: FORMAT, index });

/**
 * The blocks that an assistant's `reasoning_details` came from. Those of other formats are another model's and mean nothing here.
 * Text without a signature never was a whole block. The pieces of one block may come as the stream brought them: text by text, and
 * the signature last.
 */
export function thinkingBlocks(details: unknown): ThinkingBlock[] {
  if (!Array.isArray(details)) return [];
  const blocks: ThinkingBlock[] = [];
  let text = '';
  let index: unknown;
  for (const detail of details as readonly (Detail | null)[]) {
    if (detail?.format !== FORMAT) continue;
    if (detail.index !== index) text = '';
    index = detail.index;
    if (detail.type === 'reasoning.encrypted' && typeof detail.data === 'string') {
      blocks.push({ type: 'redacted_thinking', data: detail.data });
    } else if (detail.type === 'reasoning.text') {
      if (typeof detail.text === 'string') text += detail.text;
      if (typeof detail.signature !== 'string' || detail.signature === '') continue;
      blocks.push({ type: 'thinking', thinking: text, signature: detail.signature });
      text = '';
    }
  }
  return blocks;
}
