import type { Block, BlockWriter } from '../canonical-chat/index.js';
import { annotationOf, contentPart, itemBefore, itemId, outputItem, reasoningPart, type Telling } from './output-items.js';

/** Writes one event. @param members JSON: the members behind `type`, each with a comma before it */
export type WriteEvent = (type: string, members: string) => string;

/** Writes the blocks of an answer as the events of its output items. */
export class BlockEvents implements BlockWriter {
  /** Whether the answer was cut off. */
  isCut = false;
  /** The blocks that are closed, in order. */
  readonly closed: Block[] = [];

  constructor(
    private readonly telling: Telling,
    private readonly write: WriteEvent,
  ) {}

  open(block: Block): string {
    const item = JSON.stringify(itemBefore(block, this.telling));
    const added = this.write('response.output_item.added', `,"output_index":${block.index},"item":${item}`);
    if (block.kind !== 'text' && block.kind !== 'refusal') return added;
    return added + this.part('response.content_part.added', block, contentPart(block, true));
  }

  add(block: Block, inside: string): string {
    const members = `${this.place(block)},"delta":"${inside}"`;
    switch (block.kind) {
      case 'text':
        return this.write('response.output_text.delta', `${members},"logprobs":[]`);
      case 'refusal':
        return this.write('response.refusal.delta', members);
      case 'tool':
        return this.write('response.function_call_arguments.delta', members);
      case 'reasoning': {
        // Reasoning may be no more than a signature: its part begins with its text.
        const begun =
          block.inside === inside ? this.part(this.reasoningPartEvent('added'), block, this.reasoning(block, true)) : '';
        return begun + this.write(`${this.reasoningEvent()}.delta`, members);
      }
      case 'sealed':
      case 'image':
        return '';
    }
  }

  close(block: Block, isLast: boolean): string {
    this.closed.push(block);
    const item = outputItem(block, this.telling, this.isCut && isLast ? 'incomplete' : 'completed');
    const done = `,"output_index":${block.index},"item":${JSON.stringify(item)}`;
    return this.said(block) + this.write('response.output_item.done', done);
  }

  /** The events that tell the whole of what the deltas said. */
  private said(block: Block): string {
    const place = this.place(block);
    switch (block.kind) {
      case 'text': {
        const cited = block.annotations.flatMap(annotationOf).map((annotation, index) => {
          const members = `,"annotation_index":${index},"annotation":${JSON.stringify(annotation)}`;
          return this.write('response.output_text.annotation.added', place + members);
        });
        const done = this.write('response.output_text.done', `${place},"text":"${block.inside}","logprobs":[]`);
        return cited.join('') + done + this.part('response.content_part.done', block, contentPart(block));
      }
      case 'refusal': {
        const done = this.write('response.refusal.done', `${place},"refusal":"${block.inside}"`);
        return done + this.part('response.content_part.done', block, contentPart(block));
      }
      case 'reasoning': {
        if (block.inside === '') return '';
        const done = this.write(`${this.reasoningEvent()}.done`, `${place},"text":"${block.inside}"`);
        return done + this.part(this.reasoningPartEvent('done'), block, this.reasoning(block, false));
      }
      case 'tool': {
        const members = `,"name":${JSON.stringify(block.name)},"arguments":"${block.inside}"`;
        return this.write('response.function_call_arguments.done', place + members);
      }
      case 'sealed':
      case 'image':
        return '';
    }
  }

  private part(type: string, block: Block, part: object): string {
    return this.write(type, `${this.place(block)},"part":${JSON.stringify(part)}`);
  }

  private place(block: Block): string {
    const { kind, index } = block;
    const inside = kind === 'tool' ? '' : this.isSummary(block) ? ',"summary_index":0' : ',"content_index":0';
    return `,"item_id":${JSON.stringify(itemId(block, this.telling))},"output_index":${index}${inside}`;
  }

  private isSummary({ kind }: Block): boolean {
    return kind === 'reasoning' && this.telling.inSummary;
  }

  private readonly reasoning = (block: Block, empty: boolean) => reasoningPart(block, this.telling, empty);
  private reasoningEvent(): string {
    return this.telling.inSummary ? 'response.reasoning_summary_text' : 'response.reasoning_text';
  }
  private reasoningPartEvent(step: 'added' | 'done'): string {
    return this.telling.inSummary ? `response.reasoning_summary_part.${step}` : `response.content_part.${step}`;
  }
}
