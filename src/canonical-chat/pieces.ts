import type { ChatObject } from '../providers/index.js';

/** A member of `reasoning_details` without its text: what proves it, and where it comes from. */
export interface ReasoningDetail {
  /** `reasoning.text`, `reasoning.summary`, `reasoning.encrypted`. */
  readonly type: string;
  /** Whose it is: `anthropic-claude-v1`, `google-gemini-v1`, … */
  readonly format?: string;
  readonly id?: string;
  readonly index?: number;
  readonly signature?: string;
  /** Of encrypted reasoning. */
  readonly data?: string;
}

/** What a message or a delta adds to its answer. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly annotations: readonly ChatObject[] }
  | { readonly kind: 'refusal'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string; readonly detail: ReasoningDetail }
  /** Reasoning that nobody here can read. */
  | { readonly kind: 'sealed'; readonly detail: ReasoningDetail }
  | { readonly kind: 'image'; readonly url: string }
  | { readonly kind: 'tool'; readonly key: number; readonly id: string; readonly name: string; readonly text: string };

/** The pieces of one message or delta, in the order in which an answer has them. What says nothing is none. */
export function piecesOf(said: ChatObject): Piece[] {
  const pieces = reasoningOf(said);
  const content = textIn(said['content']);
  const annotations = objectsIn(said['annotations']);
  if (content !== '' || annotations.length > 0) pieces.push({ kind: 'text', text: content, annotations });
  const refusal = textIn(said['refusal']);
  if (refusal !== '') pieces.push({ kind: 'refusal', text: refusal });
  for (const { image_url } of objectsIn(said['images'])) {
    const url = textIn((image_url as ChatObject | null | undefined)?.['url']);
    if (url !== '') pieces.push({ kind: 'image', url });
  }
  objectsIn(said['tool_calls']).forEach((call, position) => {
    pieces.push(toolOf(call, position));
  });
  return pieces;
}

/** The details; the plain `reasoning` only where no detail repeats it. */
function reasoningOf(said: ChatObject): Piece[] {
  const pieces = objectsIn(said['reasoning_details']).flatMap(detailOf);
  const plain = textIn(said['reasoning']);
  const isRepeated = pieces.some((piece) => piece.kind === 'reasoning' && piece.text !== '');
  if (plain === '' || isRepeated) return pieces;
  return [{ kind: 'reasoning', text: plain, detail: { type: 'reasoning.text' } }, ...pieces];
}

function detailOf(given: ChatObject): Piece[] {
  const detail = reasoningDetail(given);
  if (detail === undefined) return [];
  if (detail.type === 'reasoning.encrypted') return detail.data === undefined ? [] : [{ kind: 'sealed', detail }];
  if (detail.type !== 'reasoning.text' && detail.type !== 'reasoning.summary') return [];
  const text = textIn(given[textMember(detail.type)]);
  return text === '' && detail.signature === undefined ? [] : [{ kind: 'reasoning', text, detail }];
}

/** What is known of a detail, without its text; undefined where it is none. */
export function reasoningDetail(given: ChatObject): ReasoningDetail | undefined {
  const { type, index } = given;
  if (typeof type !== 'string' || !type.startsWith('reasoning.')) return undefined;
  const words: Record<string, string> = {};
  for (const name of ['format', 'id', 'signature', 'data']) {
    const value = textIn(given[name]);
    if (value !== '') words[name] = value;
  }
  return { type, ...words, ...(typeof index === 'number' && { index }) };
}

/** Where a detail of this type has its text. */
export const textMember = (type: string): 'summary' | 'text' => (type === 'reasoning.summary' ? 'summary' : 'text');

function toolOf(call: ChatObject, position: number): Piece {
  const { index, id } = call;
  const { name, arguments: said } = (call['function'] ?? {}) as ChatObject;
  return {
    kind: 'tool',
    key: typeof index === 'number' ? index : position,
    id: textIn(id),
    name: textIn(name),
    // Some servers send the arguments as an object, which OpenAI's form does not have.
    text: typeof said === 'object' && said !== null ? JSON.stringify(said) : textIn(said),
  };
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const objectsIn = (value: unknown): ChatObject[] =>
  Array.isArray(value) ? value.filter((member) => typeof member === 'object' && member !== null) : [];
