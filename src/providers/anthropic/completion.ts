import type { ChatCall, ChatObject, CompletedChat } from '../provider.js';
import { ANSWER_TOOL, answerFormat } from './answer-format.js';
import { encryptedDetail, textDetail } from './thinking-blocks.js';
import { reportedUsage } from './usage.js';

/** Whether the answer is the input of a tool that the caller knows nothing of. */
export const answersByTool = (call: ChatCall): boolean => answerFormat(call)?.by === 'tool';

const FINISH_REASONS: ReadonlyMap<unknown, string> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['pause_turn', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
]);

/** OpenRouter's word for a `stop_reason`, and Anthropic's own beside it. One that is new is a stop. */
export function finishOf(stopReason: unknown, byTool: boolean): { finish_reason: string | null; native_finish_reason?: string } {
  if (typeof stopReason !== 'string') return { finish_reason: null };
  const reason = FINISH_REASONS.get(stopReason) ?? 'stop';
  return { finish_reason: byTool && reason === 'tool_calls' ? 'stop' : reason, native_finish_reason: stopReason };
}

/** A message as a chat completion; undefined where it is no message. */
export function completionOf(answer: ChatObject, call: ChatCall): CompletedChat | undefined {
  if (!Array.isArray(answer['content'])) return undefined;
  const byTool = answersByTool(call);
  const id = typeof answer['id'] === 'string' ? answer['id'] : undefined;
  return {
    completion: {
      ...(id !== undefined && { id }),
      object: 'chat.completion',
      model: answer['model'],
      choices: [
        { index: 0, message: messageOf(answer['content'], byTool), logprobs: null, ...finishOf(answer['stop_reason'], byTool) },
      ],
    },
    usage: reportedUsage(answer['usage']),
    upstreamId: id,
  };
}

/** Blocks of other types, such as those of Anthropic's own tools, have no place in a chat completion. */
function messageOf(blocks: readonly (ChatObject | null)[], byTool: boolean): ChatObject {
  let content = '';
  let reasoning = '';
  const details: object[] = [];
  const calls: object[] = [];
  for (const block of blocks) {
    if (block?.['type'] === 'text') content += stringIn(block['text']);
    else if (block?.['type'] === 'thinking') {
      const text = stringIn(block['thinking']);
      reasoning += text;
      details.push(textDetail({ text, signature: stringIn(block['signature']) }, details.length));
    } else if (block?.['type'] === 'redacted_thinking') {
      details.push(encryptedDetail(stringIn(block['data']), details.length));
    } else if (block?.['type'] === 'tool_use') {
      const json = JSON.stringify(block['input'] ?? {});
      if (byTool && block['name'] === ANSWER_TOOL) content += json;
      else calls.push({ id: block['id'], type: 'function', function: { name: block['name'], arguments: json } });
    }
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && { reasoning }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

export const stringIn = (value: unknown): string => (typeof value === 'string' ? value : '');
