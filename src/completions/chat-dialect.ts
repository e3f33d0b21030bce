import type { ChatObject } from '../providers/index.js';
import { asChoices } from './answer.js';
import type { Generation } from './generation.js';

/** What every chunk says in its own place and is not repeated from the provider's. */
const OURS = new Set(['id', 'object', 'created', 'model', 'provider', 'choices', 'usage', 'obfuscation']);

/**
 * Writes the frames of one stream: our generation's id in place of the provider's, and none of the nulls that OpenRouter's
 * client refuses. The head is the same in every frame and made once; only the choices are printed anew.
 */
export class ChunkFrames {
  private readonly head: string;
  /** The head of the last chunk, with what its provider added. */
  private lastHead: string;

  constructor(generation: Generation) {
    const { id, at, model, provider } = generation;
    const shared = {
      id,
      object: 'chat.completion.chunk',
      created: Math.floor(at / 1000),
      model: model.id,
      provider: provider.name,
    };
    this.head = `data: ${JSON.stringify(shared).slice(0, -1)}`;
    this.lastHead = this.head;
  }

  /** A chunk of the provider. Takes ownership of it. */
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

  /** A chunk that only adds text, and is otherwise like the one before it. */
  text(index: number, content: string): string {
    return `${this.lastHead},"choices":[{"index":${index},"delta":{"content":${content}},"logprobs":null,"finish_reason":null}]}\n\n`;
  }

  /**
   * The usage, right before the end. Who asked for usage as OpenAI has it gets its empty `choices`; others get a choice that
   * adds nothing, because many a client reads `choices[0]` of every chunk.
   */
  usage(usage: object, asOpenAi: boolean): string {
    const choices = asOpenAi ? '[]' : '[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]';
    return `${this.head},"choices":${choices},"usage":${JSON.stringify(usage)}}\n\n`;
  }

  /** An error after the status was sent, in OpenRouter's form: the last frame of its stream. */
  error(status: number, message: string, metadata: object): string {
    const error = JSON.stringify({ code: status, message, metadata });
    return `${this.head},"error":${error},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}\n\n`;
  }

  static readonly keepAlive = ': OPENROUTER PROCESSING\n\n';
  static readonly done = 'data: [DONE]\n\n';
}

function tidy(choice: ChatObject): void {
  choice['finish_reason'] ??= null;
  const delta = choice['delta'] as ChatObject | undefined;
  if (!delta) choice['delta'] = {};
  else for (const name in delta) if (delta[name] === null && name !== 'content') delete delta[name];
}
