import { parsedObject } from '../http/answer-at-once.js';
import type { ChatObject } from '../provider.js';
import type { EventReader, StreamOutlet } from '../wire-format.js';
import { Answer, head } from './answer.js';
import { TextEvents } from './text-event.js';
import { reportedUsage, UsageWhenAsked } from './usage.js';

/** Text of no characters, as a JSON string literal. */
const NO_TEXT = '""';

/**
 * Reads a stream, whose every event is an answer in part. No event says that it is the last: the stream is whole when its body
 * ends and every candidate has its reason to finish. The reasons are told then, since more may follow one: text, or a call that
 * makes another reason of it.
 */
export class GeminiEvents implements EventReader {
  private readonly texts = new TextEvents();
  private readonly answer = new Answer();
  private said = false;
  private head: ChatObject = {};

  constructor(private readonly outlet: StreamOutlet) {}

  event(data: Buffer) {
    const text = this.texts.recognise(data);
    if (text === undefined) return this.parse(data);
    this.said ||= text.content !== NO_TEXT;
    this.outlet.text(0, text.content);
    if (text.usage !== undefined) this.outlet.usage(new UsageWhenAsked(text.usage, this.said));
  }

  bodyEnded(): boolean {
    const { candidates } = this.answer;
    if (candidates.length === 0 || candidates.some(({ finish }) => finish === undefined)) return false;
    this.chunk(candidates.map(({ index, finish }) => ({ index, delta: {}, logprobs: null, ...finish })));
    return true;
  }

  private parse(data: Buffer) {
    const event = parsedObject(data);
    if (event?.['error']) return this.outlet.failed(event);
    const additions = event && this.answer.read(event);
    if (event === undefined || additions === undefined) return this.outlet.brokenBy('sent an event that is no part of an answer');
    const choices = additions.flatMap(({ candidate, isNew, delta, logprobs }) => {
      const added = isNew ? { role: 'assistant', content: '', ...delta } : delta;
      const adds = Object.keys(added).length > 0 || logprobs !== undefined;
      return adds ? [{ index: candidate.index, delta: added, logprobs: logprobs ?? null, finish_reason: null }] : [];
    });
    const reported = reportedUsage(event['usageMetadata'], this.said || this.answer.delivered);
    if (reported !== undefined) this.outlet.usage(reported);
    if (choices.length === 0) return;
    this.head = head(event);
    this.chunk(choices);
    this.texts.learn(event);
  }

  private chunk(choices: ChatObject[]): void {
    this.outlet.chunk({ ...this.head, object: 'chat.completion.chunk', choices });
  }
}
