import type { ChatObject } from '../provider.js';
import { type FinishReason, finishReasonOf } from './finish-reasons.js';
import { logprobsOf } from './logprobs.js';
import { FORMAT } from './signatures.js';
import { isGiven, isObject, type Json, objectsIn, textIn } from './values.js';

export interface Finish {
  readonly finish_reason: FinishReason;
  readonly native_finish_reason: string;
}

/** What a part of a candidate adds to its choice. */
export interface Delta {
  content?: string;
  reasoning?: string;
  reasoning_details?: ChatObject[];
  tool_calls?: ChatObject[];
  images?: ChatObject[];
}

/** One candidate, read event by event. An answer at once is a single event. */
export class Candidate {
  private native: string | undefined;
  private blocked = false;
  private toolCalls = 0;
  private images = 0;
  private details = 0;
  private isThinking = false;
  /** Whether it has brought anything but thoughts. */
  delivered = false;

  constructor(
    readonly index: number,
    /** Names a tool call that came without an id, or with one that another has. */
    private readonly idOf: (given: string | undefined) => string,
  ) {}

  /** Known once Gemini has said it, and right only once all has come: a call may follow a `STOP`. */
  get finish(): Finish | undefined {
    if (this.native === undefined) return undefined;
    const reason = this.blocked ? 'content_filter' : finishReasonOf(this.native, this.toolCalls > 0);
    return { finish_reason: reason, native_finish_reason: this.native };
  }

  /** There is none, because the prompt was blocked. */
  blockedBy(reason: string): void {
    this.blocked = true;
    this.native = reason;
  }

  /** What an event adds, as a delta; and its logprobs in OpenAI's form. */
  read(candidate: Json): { readonly delta: Delta; readonly logprobs: ChatObject | undefined } {
    const delta: Delta = {};
    for (const part of objectsIn(isObject(candidate['content']) ? candidate['content']['parts'] : [])) this.readPart(part, delta);
    this.native = textIn(candidate['finishReason']) ?? this.native;
    return { delta, logprobs: logprobsOf(candidate['logprobsResult']) };
  }

  private readPart(part: Json, delta: Delta): void {
    const { text, functionCall, inlineData, thoughtSignature } = part;
    let id: string | undefined;
    if (part['thought'] === true) this.think(textIn(text), delta);
    else if (isObject(functionCall)) id = this.call(functionCall, delta);
    else if (isObject(inlineData)) this.show(inlineData, delta);
    else if (typeof text === 'string') this.say(text, delta);
    if (typeof thoughtSignature === 'string') this.sign(thoughtSignature, id, delta);
  }

  private say(text: string, delta: Delta): void {
    if (text === '') return;
    delta.content = (delta.content ?? '') + text;
    this.delivered = true;
  }

  /** Thoughts up to a signature are one detail, also across events. */
  private think(text: string | undefined, delta: Delta): void {
    if (text === undefined) return;
    delta.reasoning = (delta.reasoning ?? '') + text;
    delta.reasoning_details ??= [];
    const last = delta.reasoning_details.at(-1);
    if (this.isThinking && last !== undefined) last['text'] += text;
    else delta.reasoning_details.push({ type: 'reasoning.text', text, format: FORMAT, index: this.details });
    this.isThinking = true;
  }

  private sign(data: string, id: string | undefined, delta: Delta): void {
    if (this.isThinking) this.details++;
    this.isThinking = false;
    delta.reasoning_details ??= [];
    const index = this.details++;
    delta.reasoning_details.push({ type: 'reasoning.encrypted', data, format: FORMAT, ...(id !== undefined && { id }), index });
  }

  private call({ id: given, name, args }: Json, delta: Delta): string {
    const id = this.idOf(textIn(given));
    const called = { name: String(name ?? ''), arguments: JSON.stringify(isGiven(args) ? args : {}) };
    delta.tool_calls ??= [];
    delta.tool_calls.push({ index: this.toolCalls++, id, type: 'function', function: called });
    this.delivered = true;
    return id;
  }

  private show({ mimeType, data }: Json, delta: Delta): void {
    delta.images ??= [];
    const url = `data:${mimeType};base64,${data}`;
    delta.images.push({ type: 'image_url', image_url: { url }, index: this.images++ });
    this.delivered = true;
  }
}
