import type { ChatMessage, ChatObject, ContentPart } from '../providers/index.js';

interface AssistantTurn {
  readonly content: ContentPart[];
  readonly details: ChatObject[];
  readonly calls: ChatObject[];
  refusal: string;
}

/**
 * Writes the messages of a canonical request, where the caller's form has one list of blocks or items. Reasoning that follows text
 * begins another assistant message, so that their order goes to the provider unchanged; between tool calls and their results
 * nothing may come, so there the turn is kept in one.
 */
export class Conversation {
  private readonly written: ChatMessage[] = [];
  private turn: AssistantTurn | undefined;
  /** Of tool results: chat completions have only text there, so that it follows them as a message of the user. */
  private beside: ContentPart[] = [];

  say(role: 'system' | 'developer' | 'user', content: readonly ContentPart[]): void {
    this.endTurn();
    this.endResults();
    this.written.push({ role, content: contentOf(content) });
  }

  /** @param part text of the assistant */
  answered(part: ContentPart): void {
    this.assistant().content.push(part);
  }

  refused(text: string): void {
    this.assistant().refusal += text;
  }

  /** @param detail a member of `reasoning_details`, as the assistant gave it */
  reasoned({ index: _, ...detail }: ChatObject): void {
    if (this.turn && this.turn.content.length > 0 && this.turn.calls.length === 0) this.endTurn();
    const { details } = this.assistant();
    details.push({ ...detail, index: details.length });
  }

  /** @param text JSON */
  called(id: string, name: string, text: string): void {
    this.assistant().calls.push({ id, type: 'function', function: { name, arguments: text } });
  }

  result(id: string, parts: readonly ContentPart[]): void {
    this.endTurn();
    const others = parts.filter(({ type }) => type !== 'text');
    if (others.length > 0) this.beside.push({ type: 'text', text: `Belongs to the result of ${id}:` }, ...others);
    const content = contentOf(parts.filter(({ type }) => type === 'text'));
    this.written.push({ role: 'tool', tool_call_id: id, content });
  }

  /** The assistant's turn is over: what it says next is another message. */
  endTurn(): void {
    const { turn } = this;
    this.turn = undefined;
    if (!turn) return;
    const reasoning = turn.details.map(({ text, summary }) => text ?? summary ?? '').join('');
    this.written.push({
      role: 'assistant',
      content: turn.content.length === 0 && turn.calls.length > 0 ? null : contentOf(turn.content),
      ...(reasoning !== '' && { reasoning }),
      ...(turn.details.length > 0 && { reasoning_details: turn.details }),
      ...(turn.refusal !== '' && { refusal: turn.refusal }),
      ...(turn.calls.length > 0 && { tool_calls: turn.calls }),
    });
  }

  messages(): readonly ChatMessage[] {
    this.endTurn();
    this.endResults();
    return this.written;
  }

  /** Whether the assistant has said something in this turn, and has called no tool. */
  get hasSpoken(): boolean {
    return this.turn !== undefined && this.turn.content.length > 0 && this.turn.calls.length === 0;
  }

  private assistant(): AssistantTurn {
    if (!this.turn) this.endResults();
    this.turn ??= { content: [], details: [], calls: [], refusal: '' };
    return this.turn;
  }

  private endResults(): void {
    const content = this.beside;
    this.beside = [];
    if (content.length > 0) this.written.push({ role: 'user', content });
  }
}

/** A string where parts say no more than one. */
function contentOf(parts: readonly ContentPart[]): string | readonly ContentPart[] {
  if (parts.length === 0) return '';
  const [only] = parts;
  const isPlain = parts.length === 1 && only?.type === 'text' && Object.keys(only).length === 2;
  return isPlain ? String(only?.['text']) : parts;
}
