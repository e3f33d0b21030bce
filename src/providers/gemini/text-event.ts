import { STRING, type TextEvent, TextTemplate } from './text-template.js';

const COUNT = '(?:0|[1-9]\\d{0,9})';
const DETAIL = `\\{"modality": ?"[A-Z_]+", ?"tokenCount": ?${COUNT}\\}`;
const FIGURE = `"[A-Za-z]+": ?(?:${COUNT}|"[A-Za-z_]*"|\\[(?:${DETAIL}(?:, ?${DETAIL})*)?\\])`;

/**
 * The whole grammar of such an event, so that what matches is JSON of this meaning and nothing else; whatever differs – a thought,
 * a signature, a call, a reason to finish, a second part or candidate, safety ratings – is parsed.
 */
const EVENT = new RegExp(
  `^(\\{"candidates": ?\\[\\{"content": ?\\{"parts": ?\\[\\{"text": ?)(${STRING})\\}\\](?:, ?"role": ?"model")?\\}(?:, ?"index": ?0)?\\}\\]` +
    `(?:, ?"usageMetadata": ?(\\{${FIGURE}(?:, ?${FIGURE})*\\}))?` +
    `((?:, ?"modelVersion": ?${STRING})?(?:, ?"responseId": ?${STRING})?\\})$`,
);

const IS_ASCII = /^[\x20-\x7f]*$/;

/** Recognises events of text without parsing them, which is most of what an event costs: those of the answer of the last parsed one. */
export class TextEvents {
  private of: { readonly modelVersion: unknown; readonly responseId: unknown } | undefined;
  private template: TextTemplate | undefined;

  /** The text that an event adds; undefined where it has to be parsed. */
  recognise(data: Buffer): TextEvent | undefined {
    if (this.of === undefined) return undefined;
    const bytes = data.toString('latin1');
    const event = this.template?.recognise(bytes) ?? this.match(bytes);
    if (event !== undefined && !IS_ASCII.test(event.content))
      return { ...event, content: Buffer.from(event.content, 'latin1').toString() };
    return event;
  }

  private match(event: string): TextEvent | undefined {
    const [, head, content, usage, tail] = EVENT.exec(event) ?? [];
    if (head === undefined || content === undefined || tail === undefined || !this.isOfAnswer(tail)) return undefined;
    this.template = new TextTemplate(head, event.slice(head.length + content.length), usage, tail);
    return { content, usage: usage === undefined ? undefined : () => usage };
  }

  /** Takes an event that was parsed and passed on: which model answers, and under which id. */
  learn({ modelVersion, responseId }: Readonly<Record<string, unknown>>): void {
    if (this.of?.modelVersion === modelVersion && this.of?.responseId === responseId) return;
    this.of = { modelVersion, responseId };
    this.template = undefined;
  }

  private isOfAnswer(tail: string): boolean {
    const { modelVersion, responseId } = JSON.parse(`{${tail.replace(/^,/, '')}`) as Readonly<Record<string, unknown>>;
    return modelVersion === this.of?.modelVersion && responseId === this.of?.responseId;
  }
}
