import { ANTHROPIC_FORMAT, type Block, type ReasoningDetail, sealed, textOf } from '../canonical-chat/index.js';
import type { ChatObject } from '../providers/index.js';

/** A content block of an answer. */
export function contentBlock(block: Block): ChatObject {
  const empty = emptyBlock(block);
  switch (block.kind) {
    case 'text':
    case 'refusal':
      return { ...empty, text: textOf(block) };
    case 'reasoning':
      return { ...empty, thinking: textOf(block), signature: signatureOf(block.detail) };
    case 'tool':
      return { ...empty, input: inputOf(textOf(block)) };
    case 'image':
      return { ...empty, text: imageText(block.url) };
    case 'sealed':
      return empty;
  }
}

/** The block as a stream starts it: what comes in deltas is empty. */
export function emptyBlock(block: Block): ChatObject {
  switch (block.kind) {
    case 'text':
    case 'refusal':
    case 'image':
      return { type: 'text', text: '', citations: null };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'sealed':
      return { type: 'redacted_thinking', data: redactedData(block.detail) };
    case 'tool':
      return { type: 'tool_use', id: block.id, name: block.name, input: {} };
  }
}

/** There is no block for an image of the assistant; as Markdown it is at least not lost. */
export const imageText = (url: string): string => `![image](${url})`;

/** Anthropic's own signature, or whatever another model's reasoning needs to come back as; '' where there is nothing to prove. */
export function signatureOf(detail: ReasoningDetail): string {
  const { type, format, signature, id } = detail;
  if (type === 'reasoning.text' && format === ANTHROPIC_FORMAT) return signature ?? '';
  return signature === undefined && id === undefined && format === undefined ? '' : sealed(detail);
}

const redactedData = (detail: ReasoningDetail): string =>
  detail.format === ANTHROPIC_FORMAT && detail.data !== undefined ? detail.data : sealed(detail);

/**
 * Arguments as an object. A model may call a tool with what is no object, or be cut off within it: that is told as Anthropic's
 * documentation on fine-grained tool streaming wraps it, because a tool that is run with no arguments would do something else.
 */
function inputOf(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(text);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input;
  } catch {
    // Told below.
  }
  return { INVALID_JSON: text };
}
