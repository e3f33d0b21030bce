import { blocksOf } from '../canonical-chat/index.js';
import type { AnswerDialect, Generation, UsageBlock } from '../completions/index.js';
import type { ChatObject } from '../providers/index.js';
import { contentBlock } from './message-blocks.js';
import { stopOf, usageOf } from './message-end.js';
import { MessageFrames, PING } from './message-frames.js';

/** Tells a completion as Anthropic's message. */
export const messagesDialect: AnswerDialect = {
  body(generation: Generation, completion: ChatObject, usage: UsageBlock): object {
    const choice = ((completion['choices'] as ChatObject[] | undefined)?.[0] ?? {}) as ChatObject;
    const blocks = blocksOf((choice['message'] ?? {}) as ChatObject);
    const isRefused = blocks.some(({ kind }) => kind === 'refusal');
    return {
      id: generation.id,
      type: 'message',
      role: 'assistant',
      model: generation.model.id,
      content: blocks.map(contentBlock),
      ...stopOf({ ...choice, isRefused }, generation.request),
      usage: usageOf(usage),
    };
  },
  frames: (generation) => new MessageFrames(generation),
  keepAlive: PING,
};
