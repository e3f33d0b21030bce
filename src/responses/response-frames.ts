import { AnswerBlocks } from '../canonical-chat/index.js';
import type { Generation, StreamFrames, UsageBlock } from '../completions/index.js';
import type { ApiError } from '../http/api-error.js';
import type { ChatObject } from '../providers/index.js';
import { BlockEvents } from './block-events.js';
import type { Telling } from './output-items.js';
import {
  IN_PROGRESS,
  outputOf,
  outputText,
  responseObject,
  type Standing,
  standingAfter,
  standingAt,
  usageOf,
} from './response-object.js';
import type { ResponsesRequest } from './responses-request.js';

/** An answer as the events of OpenAI's Responses. */
export class ResponseFrames implements StreamFrames {
  private readonly events: BlockEvents;
  private readonly blocks: AnswerBlocks;
  private sequence = 0;
  private finishReason: unknown;

  constructor(
    private readonly asked: ResponsesRequest,
    private readonly generation: Generation,
    private readonly telling: Telling,
  ) {
    this.events = new BlockEvents(telling, (type, members) => this.event(type, members));
    this.blocks = new AnswerBlocks(this.events);
  }

  chunk({ choices }: ChatObject): string {
    let frames = this.start();
    for (const choice of Array.isArray(choices) ? (choices as ChatObject[]) : []) {
      // These requests have one choice.
      if ((choice['index'] ?? 0) !== 0) continue;
      frames += this.blocks.add((choice['delta'] ?? {}) as ChatObject);
      this.finishReason = choice['finish_reason'] ?? this.finishReason;
    }
    return frames;
  }

  text(index: number, content: string): string {
    return index === 0 ? this.start() + this.blocks.text(content.slice(1, -1)) : '';
  }

  end(usage: UsageBlock): string {
    return this.finish(standingAt(this.finishReason), usageOf(usage), '');
  }

  error(problem: ApiError): string {
    const { error_type } = problem.details.metadata ?? {};
    const errorType = typeof error_type === 'string' ? `,"error_type":${JSON.stringify(error_type)}` : '';
    return this.finish(standingAfter(problem), null, errorType);
  }

  private start(): string {
    if (this.sequence > 0) return '';
    const response = JSON.stringify(this.response(IN_PROGRESS, null));
    return (
      this.event('response.created', `,"response":${response}`) + this.event('response.in_progress', `,"response":${response}`)
    );
  }

  private finish(standing: Standing, usage: ChatObject | null, more: string): string {
    const begun = this.start();
    this.events.isCut = standing.status !== 'completed';
    const told = begun + this.blocks.end();
    return (
      told + this.event(`response.${standing.status}`, `,"response":${JSON.stringify(this.response(standing, usage))}${more}`)
    );
  }

  private response(standing: Standing, usage: ChatObject | null): ChatObject {
    const { closed } = this.events;
    const output = outputOf(closed, this.telling, standing);
    return responseObject(this.asked, this.generation, standing, { output, output_text: outputText(closed), usage });
  }

  private event(type: string, members: string): string {
    return `event: ${type}\ndata: {"type":"${type}"${members},"sequence_number":${this.sequence++}}\n\n`;
  }
}
