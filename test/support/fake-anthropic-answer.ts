/** What the fake Anthropic says, as a message and as the events of one, in the bytes that Anthropic sends. */
import type { Block } from './fake-anthropic-rules.js';
import { redacted, signatureOf } from './fake-anthropic-rules.js';

/** How one call is answered. `{}` is a healthy answer of three text deltas. */
export interface AnthropicBehaviour {
  /** Text deltas of the one text block. */
  text?: readonly string[];
  /** One thinking block each, ahead of the text; the text in deltas. */
  thinking?: readonly (readonly string[])[];
  redacted?: string;
  toolCalls?: readonly { id?: string; name: string; input: object }[];
  stopReason?: string;
  /** Laid over the figures of `message_start` and of an answer at once. */
  usage?: Record<string, unknown>;
  /** Laid over the figures of `message_delta`. */
  finalUsage?: Record<string, unknown>;
  omitUsage?: boolean;

  status?: number;
  retryAfter?: string;
  /** Sent as it is in place of the JSON that belongs to the status. */
  body?: string;
  /** After so many deltas: an error event of this type. */
  errorAfter?: number;
  errorType?: string;
  /** After so many deltas the socket is cut. */
  cutAfter?: number;
  omitStop?: boolean;

  /** The whole body is cut at these byte offsets. */
  splitAt?: readonly number[];
  bytesPerWrite?: number;
  lineEnd?: '\n' | '\r\n';
  beforeHeaders?: Promise<unknown>;
  /** Ahead of the delta of this index. */
  beforeDelta?: (index: number) => Promise<unknown> | undefined;
}

export interface Envelope {
  readonly id: string;
  readonly model: string;
}

export interface Frame {
  readonly text: string;
  readonly isDelta: boolean;
  /** The usage object that is out with this frame. */
  readonly usage?: object | undefined;
}

const TEXT = ['Hello', ' there', '.'];

export function contentOf(behaviour: AnthropicBehaviour): Block[] {
  const { thinking = [], toolCalls = [], text = toolCalls.length > 0 ? [] : TEXT } = behaviour;
  return [
    ...thinking.map((parts) => ({ type: 'thinking', thinking: parts.join(''), signature: signatureOf(parts.join('')) })),
    ...(behaviour.redacted === undefined ? [] : [{ type: 'redacted_thinking', data: redacted(behaviour.redacted) }]),
    ...(text.length > 0 ? [{ type: 'text', text: text.join('') }] : []),
    ...toolCalls.map(({ id, name, input }, index) => ({ type: 'tool_use', id: id ?? `toolu_${index}`, name, input })),
  ];
}

const FIGURES = {
  input_tokens: 10,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  service_tier: 'standard',
  inference_geo: 'not_available',
};

export const usageOf = (behaviour: AnthropicBehaviour): Record<string, unknown> => ({
  ...{ ...FIGURES, output_tokens: 7, ...behaviour.usage },
  ...behaviour.finalUsage,
});

const stopReasonOf = ({ stopReason, toolCalls }: AnthropicBehaviour) => stopReason ?? (toolCalls ? 'tool_use' : 'end_turn');

export const messageOf = (behaviour: AnthropicBehaviour, { id, model }: Envelope): object => ({
  ...{ id, type: 'message', role: 'assistant', model, content: contentOf(behaviour) },
  ...{ stop_reason: stopReasonOf(behaviour), stop_sequence: null },
  ...(behaviour.omitUsage !== true && { usage: usageOf(behaviour) }),
});

/** Every event, up to the one after which a fault stops the stream. */
export function framesOf(behaviour: AnthropicBehaviour, { id, model }: Envelope): Frame[] {
  const startUsage = behaviour.omitUsage === true ? undefined : { ...FIGURES, output_tokens: 1, ...behaviour.usage };
  const finalUsage = behaviour.omitUsage === true ? undefined : { output_tokens: 7, ...behaviour.finalUsage };
  const empty = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null };
  const frames = [event('message_start', { message: { ...empty, usage: startUsage } }, startUsage)];
  frames.push(event('ping', {}));
  for (const [index, block] of contentOf(behaviour).entries()) frames.push(...blockFrames(block, index, behaviour));
  const conclusion = { delta: { stop_reason: stopReasonOf(behaviour), stop_sequence: null }, usage: finalUsage };
  frames.push(event('message_delta', conclusion, finalUsage && { ...startUsage, ...finalUsage }));
  if (behaviour.omitStop !== true) frames.push(event('message_stop', {}));
  return stopped(frames, behaviour);
}

function stopped(frames: Frame[], { errorAfter, errorType = 'overloaded_error', cutAfter }: AnthropicBehaviour): Frame[] {
  const after = (count: number) => {
    let deltas = 0;
    const end = frames.findIndex(({ isDelta }) => isDelta && ++deltas > count);
    return frames.slice(0, end < 0 ? frames.length : end);
  };
  if (errorAfter !== undefined)
    return [...after(errorAfter), event('error', { error: { type: errorType, message: 'Broken off' } })];
  return cutAfter === undefined ? frames : after(cutAfter);
}

function blockFrames(block: Block, index: number, { text = TEXT, thinking = [] }: AnthropicBehaviour): Frame[] {
  const start = (content_block: object) => event('content_block_start', { index, content_block });
  const delta = (said: object) => event('content_block_delta', { index, delta: said });
  const stop = event('content_block_stop', { index });
  switch (block.type) {
    case 'text':
      return [start({ type: 'text', text: '' }), ...text.map((part) => delta({ type: 'text_delta', text: part })), stop];
    case 'thinking': {
      const parts = thinking.find((each) => each.join('') === block['thinking']) ?? [];
      const texts = parts.map((part) => delta({ type: 'thinking_delta', thinking: part }));
      const signature = delta({ type: 'signature_delta', signature: block['signature'] });
      return [start({ type: 'thinking', thinking: '', signature: '' }), ...texts, signature, stop];
    }
    case 'tool_use': {
      const json = Object.keys(block['input'] as object).length === 0 ? '' : JSON.stringify(block['input']);
      const half = json.length >> 1;
      const parts = json === '' ? [''] : ['', json.slice(0, half), json.slice(half)];
      const deltas = parts.map((partial_json) => delta({ type: 'input_json_delta', partial_json }));
      return [start({ ...block, input: {} }), ...deltas, stop];
    }
    default:
      return [start(block), stop];
  }
}

/** Anthropic pads its events with blanks ahead of the last brace. */
function event(type: string, members: object, usage?: object): Frame {
  const json = JSON.stringify({ type, ...members });
  const padded = `${json.slice(0, -1)}${' '.repeat(json.length % 4)}}`;
  return { text: `event: ${type}\ndata: ${padded}\n\n`, isDelta: type === 'content_block_delta', usage };
}
