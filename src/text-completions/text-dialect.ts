import type { AnswerDialect, Generation, StreamFrames, UsageBlock } from '../completions/index.js';
import type { ApiError } from '../http/api-error.js';
import type { ChatObject } from '../providers/index.js';

const DONE = 'data: [DONE]\n\n';

/** Tells a completion as text alone. */
export const textDialect: AnswerDialect = {
  body: (generation, completion, usage) => ({
    ...headOf(generation),
    choices: choicesOf(completion).map((choice) => textChoice(choice, choice['message'])),
    usage,
  }),
  frames: (generation) => new TextFrames(generation),
  keepAlive: ': OPENROUTER PROCESSING\n\n',
};

class TextFrames implements StreamFrames {
  private readonly head: string;
  private readonly asOpenAi: boolean;

  constructor(generation: Generation) {
    this.head = `data: ${JSON.stringify(headOf(generation)).slice(0, -1)}`;
    this.asOpenAi = generation.request.stream_options?.include_usage === true;
  }

  chunk(chunk: ChatObject): string {
    const choices = choicesOf(chunk).map((choice) => textChoice(choice, choice['delta']));
    const telling = choices.filter(
      ({ text, reasoning, finish_reason }) => text !== '' || reasoning !== undefined || finish_reason !== null,
    );
    return telling.length === 0 ? '' : this.frame(JSON.stringify(telling));
  }

  text(index: number, content: string): string {
    return this.frame(`[{"text":${content},"index":${index},"logprobs":null,"finish_reason":null}]`);
  }

  /** Who asked for usage as OpenAI has it gets its empty `choices`; many another client reads the first choice of every chunk. */
  end(usage: UsageBlock): string {
    const choices = this.asOpenAi ? '[]' : '[{"text":"","index":0,"logprobs":null,"finish_reason":null}]';
    return this.frame(choices, `,"usage":${JSON.stringify(usage)}`) + DONE;
  }

  error({ status, message, details }: ApiError): string {
    const error = JSON.stringify({ code: status, message, metadata: details.metadata ?? { error_type: 'server' } });
    return this.frame('[{"text":"","index":0,"logprobs":null,"finish_reason":"error"}]', `,"error":${error}`);
  }

  private frame(choices: string, more = ''): string {
    return `${this.head},"choices":${choices}${more}}\n\n`;
  }
}

const headOf = ({ id, at, model, provider }: Generation) => ({
  id,
  object: 'text_completion',
  created: Math.floor(at / 1000),
  model: model.id,
  provider: provider.name,
});

/** What a choice says, and OpenRouter's `reasoning` beside it; a refusal is text where there is no other word for it. */
function textChoice({ index, finish_reason, native_finish_reason }: ChatObject, message: unknown): ChatObject {
  const { content, refusal, reasoning } = (message ?? {}) as ChatObject;
  const said = `${textIn(content)}${textIn(refusal)}`;
  const thought = textIn(reasoning);
  const finish = finish_reason ?? null;
  return {
    text: said,
    index: index ?? 0,
    logprobs: null,
    finish_reason: finish,
    ...(finish !== null && { native_finish_reason: native_finish_reason ?? finish }),
    ...(thought !== '' && { reasoning: thought }),
  };
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const choicesOf = ({ choices }: ChatObject): ChatObject[] => (Array.isArray(choices) ? choices : []);
