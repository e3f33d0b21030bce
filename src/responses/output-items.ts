import { type Block, sealed, textOf } from '../canonical-chat/index.js';
import type { ChatObject } from '../providers/index.js';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** How the items of one response are told. */
export interface Telling {
  /** What their ids end with, apart from their place: unique for each response. */
  readonly suffix: string;
  /** Whether reasoning is told as its summary: to clients that asked for summaries. */
  readonly inSummary: boolean;
}

const PREFIX: Readonly<Record<Block['kind'], string>> = {
  text: 'msg',
  refusal: 'msg',
  reasoning: 'rs',
  sealed: 'rs',
  tool: 'fc',
  image: 'ig',
};

export const itemId = ({ kind, index }: Block, { suffix }: Telling): string => `${PREFIX[kind]}_${suffix}${index}`;

/** A block as an item of the output. */
export function outputItem(block: Block, telling: Telling, status: ItemStatus): ChatObject {
  const item = itemBefore(block, telling);
  switch (block.kind) {
    case 'text':
    case 'refusal':
      return { ...item, status, content: [contentPart(block)] };
    case 'reasoning': {
      const said = { ...item, status, encrypted_content: encryptedContent(block) };
      if (block.inside === '') return said;
      return { ...said, [telling.inSummary ? 'summary' : 'content']: [reasoningPart(block, telling)] };
    }
    case 'sealed':
      return { ...item, status, encrypted_content: encryptedContent(block) };
    case 'tool':
      return { ...item, status, arguments: textOf(block) };
    case 'image':
      return { ...item, status, result: block.url.replace(/^data:[^,]*;base64,/, '') };
  }
}

/** The item as a stream announces it, before anything is said. */
export function itemBefore(block: Block, telling: Telling): ChatObject {
  const item = { id: itemId(block, telling), status: 'in_progress' };
  switch (block.kind) {
    case 'text':
    case 'refusal':
      return { ...item, type: 'message', role: 'assistant', content: [] };
    case 'reasoning':
      return { ...item, type: 'reasoning', summary: [], ...(!telling.inSummary && { content: [] }), encrypted_content: null };
    case 'sealed':
      return { ...item, type: 'reasoning', summary: [], encrypted_content: null };
    case 'tool':
      return { ...item, type: 'function_call', call_id: block.id, name: block.name, arguments: '' };
    case 'image':
      return { ...item, type: 'image_generation_call', result: null };
  }
}

/** The part of a message. @param empty as a stream announces it */
export function contentPart(block: Block & { kind: 'text' | 'refusal' }, empty = false): ChatObject {
  const said = empty ? '' : textOf(block);
  if (block.kind === 'refusal') return { type: 'refusal', refusal: said };
  const annotations = empty ? [] : block.annotations.flatMap(annotationOf);
  return { type: 'output_text', text: said, annotations, logprobs: [] };
}

/** The part of reasoning. @param empty as a stream announces it */
export const reasoningPart = (block: Block, { inSummary }: Telling, empty = false): ChatObject => ({
  type: inSummary ? 'summary_text' : 'reasoning_text',
  text: empty ? '' : textOf(block),
});

/** A citation of the web, which the canonical form has one level deeper. */
export function annotationOf({ type, url_citation }: ChatObject): ChatObject[] {
  if (type !== 'url_citation' || typeof url_citation !== 'object' || url_citation === null) return [];
  const { url, title, start_index = 0, end_index = 0 } = url_citation as ChatObject;
  return [{ type, url, title: title ?? '', start_index, end_index }];
}

/** What the reasoning needs to come back as; null where it proves nothing. */
function encryptedContent({ detail, kind }: Block & { kind: 'reasoning' | 'sealed' }): string | null {
  const { format, signature, id } = detail;
  const plain = kind === 'reasoning' && format === undefined && signature === undefined && id === undefined;
  return plain ? null : sealed(detail);
}
