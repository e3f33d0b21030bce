import type { ApiError } from '../../http/api-error.js';
import type { ChatObject } from '../../providers/index.js';
import type { Generation } from '../generation.js';
import { asChoices, completionBody } from './answer.js';
import type { AnswerDialect, StreamFrames, UsageBlock } from './answer-dialect.js';

/** What every chunk says in its own place and is not repeated from the provider's. */
const OURS = new Set(['id', 'object', 'created', 'model', 'provider', 'choices', 'usage', 'obfuscation']);
const DONE = 'data: [DONE]\n\n';

/** A completion as OpenRouter and OpenAI have it. */
export const CHAT: AnswerDialect = {
  body: completionBody,
  frames: (generation) => new ChunkFrames(generation),
  keepAlive: ': OPENROUTER PROCESSING\n\n',
};

/**
 * Writes the frames of one stream: our generation's id in place of the provider's, and none of the nulls that OpenRouter's
 * client refuses. The head is the same in every frame and made once; only the choices are printed anew.
 */
class ChunkFrames implements StreamFrames {
  private readonly head: string;
  /** The head of the last chunk, with what its provider added. */
  private lastHead: string;
  private readonly asOpenAi: boolean;

  constructor({ id, at, model, provider, request }: Generation) {
    const shared = {
      id,
      object: 'chat.completion.chunk',
      created: Math.floor(at / 1000),
      model: model.id,
      provider: provider.name,
    };
    this.head = `data: ${JSON.stringify(shared).slice(0, -1)}`;
    this.lastHead = this.head;
    this.asOpenAi = request.stream_options?.include_usage === true;
  }

  chunk(chunk: ChatObject): string {
    const choices = asChoices(chunk['choices']);
    for (const choice of choices) tidy(choice);
    let extra = '';
    for (const name in chunk) {
      const value = chunk[name];
      if (value != null && !OURS.has(name)) extra += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    }
    this.lastHead = this.head + extra;
    return `${this.lastHead},"choices":${JSON.stringify(choices)}}\n\n`;
  }

  text(index: number, content: string): string {
    return `${this.lastHead},"choices":[{"index":${index},"delta":{"content":${content}},"logprobs":null,"finish_reason":null}]}\n\n`;
  }

  /**
   * The usage, and the end. Who asked for usage as OpenAI has it gets its empty `choices`; others get a choice that adds nothing,
   * because many a client reads `choices[0]` of every chunk.
   */
  end(usage: UsageBlock): string {
    return this.usage(usage) + DONE;
  }

  private usage(usage: UsageBlock): string {
    const choices = this.asOpenAi ? '[]' : '[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]';
    return `${this.head},"choices":${choices},"usage":${JSON.stringify(usage)}}\n\n`;
  }

  /** In OpenRouter's form: the code is the status. */
  error({ status, message, details }: ApiError, usage?: UsageBlock): string {
    const error = JSON.stringify({ code: status, message, metadata: { error_type: 'server', ...details.metadata } });
    return `${usage ? this.usage(usage) : ''}${this.head},"error":${error},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}\n\n`;
  }
}

function tidy(choice: ChatObject): void {
  choice['finish_reason'] ??= null;
  const delta = choice['delta'] as ChatObject | undefined;
  if (!delta) choice['delta'] = {};
  else for (const name in delta) if (delta[name] === null && name !== 'content') delete delta[name];
}
