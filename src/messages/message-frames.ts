import { AnswerBlocks, type Block } from '../canonical-chat/index.js';
import type { Generation, StreamFrames, UsageBlock } from '../completions/index.js';
import type { ApiError } from '../http/api-error.js';
import { anthropicErrorBody } from '../http/error-body.js';
import type { ChatObject } from '../providers/index.js';
import { emptyBlock, imageText, signatureOf } from './message-blocks.js';
import { isBroken, type Stop, stopOf, usageOf } from './message-end.js';

const frame = (type: string, json: string): string => `event: ${type}\ndata: {"type":"${type}"${json}}\n\n`;

export const PING = frame('ping', '');

/** An answer as Anthropic's events. */
export class MessageFrames implements StreamFrames {
  private readonly blocks = new AnswerBlocks(this);
  private started = false;
  private isRefused = false;
  private finish: Stop = {};

  constructor(private readonly generation: Generation) {}

  chunk(chunk: ChatObject): string {
    let frames = this.start();
    for (const choice of choicesOf(chunk)) {
      // These requests have one choice.
      if ((choice['index'] ?? 0) !== 0) continue;
      frames += this.blocks.add((choice['delta'] ?? {}) as ChatObject);
      const { finish_reason, native_finish_reason } = choice;
      if (finish_reason != null) this.finish = { finish_reason, native_finish_reason };
    }
    return frames;
  }

  text(index: number, content: string): string {
    return index === 0 ? this.start() + this.blocks.text(content.slice(1, -1)) : '';
  }

  end(usage: UsageBlock): string {
    const told = this.start() + this.blocks.end();
    const delta = JSON.stringify(stopOf({ ...this.finish, isRefused: this.isRefused }, this.generation.request));
    const over = frame('message_delta', `,"delta":${delta},"usage":${JSON.stringify(usageOf(usage))}`);
    return told + over + (isBroken(this.finish) ? BROKEN : frame('message_stop', ''));
  }

  /** Nothing is known of the request's id here; the answer's header says it. */
  error(problem: ApiError): string {
    return `event: error\ndata: ${JSON.stringify(anthropicErrorBody(problem, null))}\n\n`;
  }

  open(block: Block): string {
    if (block.kind === 'refusal') this.isRefused = true;
    const start = frame('content_block_start', `,"index":${block.index},"content_block":${JSON.stringify(emptyBlock(block))}`);
    return block.kind === 'image' ? start + delta(block, 'text_delta', `"text":${JSON.stringify(imageText(block.url))}`) : start;
  }

  add(block: Block, inside: string): string {
    switch (block.kind) {
      case 'tool':
        return delta(block, 'input_json_delta', `"partial_json":"${inside}"`);
      case 'reasoning':
        return delta(block, 'thinking_delta', `"thinking":"${inside}"`);
      case 'text':
      case 'refusal':
        return delta(block, 'text_delta', `"text":"${inside}"`);
      case 'sealed':
      case 'image':
        return '';
    }
  }

  close(block: Block): string {
    const signature = block.kind === 'reasoning' ? signatureOf(block.detail) : '';
    const signed = signature === '' ? '' : delta(block, 'signature_delta', `"signature":${JSON.stringify(signature)}`);
    return signed + frame('content_block_stop', `,"index":${block.index}`);
  }

  private start(): string {
    if (this.started) return '';
    this.started = true;
    const { id, model } = this.generation;
    const usage = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
    const end = { stop_reason: null, stop_sequence: null };
    const message = { id, type: 'message', role: 'assistant', model: model.id, content: [], ...end, usage };
    return frame('message_start', `,"message":${JSON.stringify(message)}`);
  }
}

const delta = ({ index }: Block, type: string, member: string): string =>
  frame('content_block_delta', `,"index":${index},"delta":{"type":"${type}",${member}}`);

const choicesOf = ({ choices }: ChatObject): ChatObject[] => (Array.isArray(choices) ? choices : []);

const BROKEN = `event: error\ndata: ${JSON.stringify({
  type: 'error',
  error: { type: 'api_error', message: 'The provider broke off its answer; this is all that was generated and charged' },
  request_id: null,
})}\n\n`;
