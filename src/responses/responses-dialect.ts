import { blocksOf } from '../canonical-chat/index.js';
import type { AnswerDialect, Generation } from '../completions/index.js';
import type { ChatObject } from '../providers/index.js';
import type { Telling } from './output-items.js';
import { ResponseFrames } from './response-frames.js';
import { outputOf, outputText, responseObject, standingAt, usageOf } from './response-object.js';
import type { ResponsesRequest } from './responses-request.js';

/** Tells a completion as the response to what was asked. */
export function responsesDialect(asked: ResponsesRequest): AnswerDialect {
  const telling = ({ id }: Generation): Telling => ({
    suffix: `${id.replace(/^gen-/, '')}_`,
    inSummary: asked.reasoning?.summary != null,
  });
  return {
    body(generation, completion, usage): object {
      const choice = ((completion['choices'] as ChatObject[] | undefined)?.[0] ?? {}) as ChatObject;
      const standing = standingAt(choice['finish_reason']);
      const blocks = blocksOf((choice['message'] ?? {}) as ChatObject);
      const output = outputOf(blocks, telling(generation), standing);
      return responseObject(asked, generation, standing, { output, output_text: outputText(blocks), usage: usageOf(usage) });
    },
    frames: (generation) => new ResponseFrames(asked, generation, telling(generation)),
    keepAlive: ': OPENROUTER PROCESSING\n\n',
  };
}
