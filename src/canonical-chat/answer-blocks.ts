import type { ChatObject } from '../providers/index.js';
import { type Piece, piecesOf, type ReasoningDetail } from './pieces.js';

/** A part of an answer. The first has index 0. */
export type Block = {
  readonly index: number;
  /** What it says so far, as the inside of a JSON string. */
  inside: string;
} & (
  | { readonly kind: 'text'; readonly annotations: ChatObject[] }
  | { readonly kind: 'refusal' }
  /** The detail is complete once the block is closed. */
  | { readonly kind: 'reasoning'; detail: ReasoningDetail }
  | { readonly kind: 'sealed'; readonly detail: ReasoningDetail }
  | { readonly kind: 'image'; readonly url: string }
  /** What it says are the arguments. */
  | { readonly kind: 'tool'; readonly id: string; readonly name: string }
);

/** Writes the frames of blocks; each method may make none (''). */
export interface BlockWriter {
  open(block: Block): string;
  /** @param inside what is added, as the inside of a JSON string; already part of the block */
  add(block: Block, inside: string): string;
  /** @param isLast whether it is the last of the answer, which alone can have been cut off */
  close(block: Block, isLast: boolean): string;
}

/**
 * An answer as a sequence of blocks of which one is open at a time, however its chunks come. A tool call whose arguments are
 * incomplete stays open: what comes for others meanwhile waits until the answer ends, for a provider may send calls in turns.
 */
export class AnswerBlocks {
  private readonly tools = new Map<number, { readonly id: string; readonly block: Block }>();
  private open: Block | undefined;
  private waiting: Block[] = [];
  private count = 0;

  constructor(private readonly writer: BlockWriter) {}

  /** Takes what a message or delta adds. @returns its frames */
  add(said: ChatObject): string {
    let frames = '';
    for (const piece of piecesOf(said)) frames += this.take(piece);
    return frames;
  }

  /** Takes text that was not parsed. @param inside as the inside of a JSON string */
  text(inside: string): string {
    if (inside === '') return '';
    const last = this.waiting.at(-1) ?? this.open;
    if (last?.kind === 'text') return this.append(last, inside);
    return this.begin({ kind: 'text', annotations: [], index: this.count, inside });
  }

  /** The answer is over: closes what is open, and tells what waited. */
  end(): string {
    let frames = this.closeOpen(this.waiting.length === 0);
    this.waiting.forEach((block, index) => {
      frames += this.start(block) + this.writer.close(block, index === this.waiting.length - 1);
    });
    this.waiting = [];
    return frames;
  }

  private take(piece: Piece): string {
    const inside = 'text' in piece ? JSON.stringify(piece.text).slice(1, -1) : '';
    const block = piece.kind === 'tool' ? this.toolOf(piece) : this.continued(piece);
    if (block === undefined) return this.begin(this.made(piece, inside));
    if (block.kind === 'reasoning' && piece.kind === 'reasoning') block.detail = { ...block.detail, ...piece.detail };
    if (block.kind === 'text' && piece.kind === 'text') block.annotations.push(...piece.annotations);
    return inside === '' ? '' : this.append(block, inside);
  }

  private append(block: Block, inside: string): string {
    // What was closed was whole: a tool call can only bring white space any more.
    if (block !== this.open && !this.waiting.includes(block)) return '';
    block.inside += inside;
    return block === this.open ? this.writer.add(block, inside) : '';
  }

  private begin(block: Block): string {
    this.count += 1;
    if (this.waiting.length > 0 || (this.open && !isWhole(this.open))) {
      this.waiting.push(block);
      return '';
    }
    const closed = this.closeOpen(false);
    this.open = block;
    return closed + this.start(block);
  }

  private closeOpen(isLast: boolean): string {
    const { open } = this;
    this.open = undefined;
    return open ? this.writer.close(open, isLast) : '';
  }

  private start(block: Block): string {
    return this.writer.open(block) + (block.inside === '' ? '' : this.writer.add(block, block.inside));
  }

  private made(piece: Piece, inside: string): Block {
    const place = { index: this.count, inside };
    switch (piece.kind) {
      case 'text':
        return { ...place, kind: 'text', annotations: [...piece.annotations] };
      case 'refusal':
        return { ...place, kind: 'refusal' };
      case 'reasoning':
      case 'sealed':
        return { ...place, kind: piece.kind, detail: piece.detail };
      case 'image':
        return { ...place, kind: 'image', url: piece.url };
      case 'tool': {
        const { key, id, name } = piece;
        const block: Block = { ...place, kind: 'tool', id: id === '' ? `call_${this.count}` : id, name };
        this.tools.set(key, { id, block });
        return block;
      }
    }
  }

  /** The call that a piece goes on with. Some servers number every call 0: another id is another call. */
  private toolOf({ key, id }: Piece & { kind: 'tool' }): Block | undefined {
    const known = this.tools.get(key);
    return known === undefined || (id !== '' && id !== known.id) ? undefined : known.block;
  }

  /** The last block, where a piece goes on with it. */
  private continued(piece: Piece): Block | undefined {
    const last = this.waiting.at(-1) ?? this.open;
    if (last === undefined || last.kind !== piece.kind) return undefined;
    if (last.kind === 'text' || last.kind === 'refusal') return last;
    if (last.kind !== 'reasoning' || piece.kind !== 'reasoning') return undefined;
    return goesOn(last.detail, piece) ? last : undefined;
  }
}

/** The blocks of a whole message. */
export function blocksOf(message: ChatObject): Block[] {
  const written: Block[] = [];
  const close = (block: Block): string => {
    written.push(block);
    return '';
  };
  const blocks = new AnswerBlocks({ open: () => '', add: () => '', close });
  blocks.add(message);
  blocks.end();
  return written;
}

/** The text of a block. */
export const textOf = ({ inside }: Block): string => JSON.parse(`"${inside}"`) as string;

/** Reasoning is signed at its end: text behind a signature is other reasoning. */
function goesOn(known: ReasoningDetail, { detail, text }: { detail: ReasoningDetail; text: string }): boolean {
  if (known.type !== detail.type || (known.signature !== undefined && text !== '')) return false;
  return (['index', 'format', 'id'] as const).every(
    (name) => known[name] === undefined || detail[name] === undefined || known[name] === detail[name],
  );
}

/** Whether nothing can be missing of a block. */
function isWhole(block: Block): boolean {
  if (block.kind !== 'tool') return true;
  try {
    return typeof JSON.parse(textOf(block)) === 'object';
  } catch {
    return false;
  }
}
