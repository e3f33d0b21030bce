import { parsedObject } from '../http/answer-at-once.js';
import type { ChatObject } from '../provider.js';
import type { EventReader, StreamOutlet } from '../wire-format.js';
import { ANSWER_TOOL } from './answer-format.js';
import { finishOf, stringIn } from './completion.js';
import { textDelta } from './text-delta.js';
import { encryptedDetail, textDetail } from './thinking-blocks.js';
import { CumulativeUsage } from './usage.js';

/** A content block under way: what its deltas become. `index` counts reasoning blocks, or calls, from 0. */
type OpenBlock =
  | { readonly as: 'reasoning'; readonly index: number }
  | { readonly as: 'call'; readonly index: number; readonly input: unknown; argued: boolean }
  | { readonly as: 'answer'; readonly input: unknown; argued: boolean };

/**
 * Reads the events of one message into chunks. Its order on the wire: `message_start`; for each content block `content_block_start`,
 * its deltas and `content_block_stop`; `message_delta` with the reason to stop and the usage; `message_stop`. `ping` comes at any
 * time and `error` ends it. Events, blocks and deltas of new types are passed over, as Anthropic asks of its clients.
 */
export class MessageEvents implements EventReader {
  private readonly blocks = new Map<unknown, OpenBlock>();
  private readonly usage = new CumulativeUsage();
  private head: ChatObject = { object: 'chat.completion.chunk' };
  private reasonings = 0;
  private calls = 0;

  constructor(
    private readonly outlet: StreamOutlet,
    /** Whether the answer is the input of a tool that the caller knows nothing of. */
    private readonly byTool: boolean,
  ) {}

  event(data: Buffer) {
    const text = textDelta(data);
    if (text !== undefined) return this.outlet.text(0, text);
    const event = parsedObject(data);
    if (typeof event?.['type'] !== 'string') return this.outlet.brokenBy('sent an event that is none of a message');
    this.read(event);
  }

  bodyEnded(): boolean {
    return false;
  }

  private read(event: ChatObject) {
    switch (event['type']) {
      case 'message_start':
        return this.started(objectIn(event['message']));
      case 'content_block_start':
        return this.blockStarted(event['index'], objectIn(event['content_block']));
      case 'content_block_delta':
        return this.blockGrew(this.blocks.get(event['index']), objectIn(event['delta']));
      case 'content_block_stop':
        return this.blockStopped(event['index']);
      case 'message_delta':
        return this.concluded(objectIn(event['delta']), event['usage']);
      case 'message_stop':
        return this.outlet.finish();
      case 'error':
        return this.outlet.failed(event);
    }
  }

  private started({ id, model, usage }: ChatObject): void {
    this.head = { ...(typeof id === 'string' && { id }), ...this.head, ...(typeof model === 'string' && { model }) };
    const reported = this.usage.start(usage);
    if (reported !== undefined) this.outlet.usage(reported);
    this.pass({ role: 'assistant', content: '' });
  }

  private blockStarted(at: unknown, block: ChatObject): void {
    const { type, name, input } = block;
    if (type === 'text' && stringIn(block['text']) !== '') this.text(block['text']);
    else if (type === 'thinking') {
      this.blocks.set(at, { as: 'reasoning', index: this.reasonings++ });
      if (stringIn(block['thinking']) !== '') this.blockGrew(this.blocks.get(at), { ...block, type: 'thinking_delta' });
    } else if (type === 'redacted_thinking') {
      this.pass({ reasoning_details: [encryptedDetail(stringIn(block['data']), this.reasonings++)] });
    } else if (type === 'tool_use' && this.byTool && name === ANSWER_TOOL) {
      this.blocks.set(at, { as: 'answer', input, argued: false });
    } else if (type === 'tool_use') {
      const index = this.calls++;
      this.blocks.set(at, { as: 'call', index, input, argued: false });
      this.pass({ tool_calls: [{ index, id: block['id'], type: 'function', function: { name, arguments: '' } }] });
    }
  }

  private blockGrew(block: OpenBlock | undefined, delta: ChatObject): void {
    const { type } = delta;
    if (type === 'text_delta') this.text(delta['text']);
    else if (type === 'input_json_delta' && block !== undefined) this.argue(block, stringIn(delta['partial_json']));
    else if (block?.as !== 'reasoning') return;
    else if (type === 'thinking_delta') {
      const text = stringIn(delta['thinking']);
      this.pass({ reasoning: text, reasoning_details: [textDetail({ text }, block.index)] });
    } else if (type === 'signature_delta') {
      this.pass({ reasoning_details: [textDetail({ signature: stringIn(delta['signature']) }, block.index)] });
    }
  }

  /** A tool without arguments is called with an empty text, which is no JSON: what the block began with is its input. */
  private blockStopped(at: unknown): void {
    const block = this.blocks.get(at);
    this.blocks.delete(at);
    if (block !== undefined && block.as !== 'reasoning' && !block.argued) this.argue(block, JSON.stringify(block.input ?? {}));
  }

  private argue(block: OpenBlock, json: string): void {
    if (block.as === 'reasoning' || json === '') return;
    block.argued = true;
    if (block.as === 'answer') this.outlet.text(0, JSON.stringify(json));
    else this.pass({ tool_calls: [{ index: block.index, function: { arguments: json } }] });
  }

  private concluded({ stop_reason }: ChatObject, usage: unknown): void {
    const reported = this.usage.update(usage);
    if (reported !== undefined) this.outlet.usage(reported);
    if (typeof stop_reason === 'string') this.pass({}, finishOf(stop_reason, this.byTool));
  }

  private text(text: unknown): void {
    this.outlet.text(0, JSON.stringify(stringIn(text)));
  }

  private pass(delta: ChatObject, finish: object = { finish_reason: null }): void {
    this.outlet.chunk({ ...this.head, choices: [{ index: 0, delta, logprobs: null, ...finish }] });
  }
}

const objectIn = (value: unknown): ChatObject => (typeof value === 'object' && value !== null ? (value as ChatObject) : {});
