/** What the demo provider says: the same to the same question, cut where the caller's limit of tokens is. */
export interface DemoAnswer {
  /** Their concatenation is the answer; each is one token or more. */
  readonly words: readonly string[];
  readonly finishReason: 'stop' | 'length';
  readonly promptTokens: number;
  readonly completionTokens: number;
}

const BYTES_PER_TOKEN = 4;
const QUOTED_CHARACTERS_MAX = 200;

export function demoAnswer(parameters: Readonly<Record<string, unknown>>): DemoAnswer {
  const messages = Array.isArray(parameters.messages) ? parameters.messages : [];
  const said = messages.map(textOf);
  const all = wordsOf(answerTo(said[messages.findLastIndex((message) => message?.role === 'user')] ?? ''));
  const limit = outputLimit(parameters);
  const words: string[] = [];
  let bytes = 0;
  for (const word of all) {
    if (tokensIn(bytes + Buffer.byteLength(word)) > limit) break;
    bytes += Buffer.byteLength(word);
    words.push(word);
  }
  return {
    words,
    finishReason: words.length === all.length ? 'stop' : 'length',
    promptTokens: tokensIn(said.reduce((sum, text) => sum + Buffer.byteLength(text), 0)),
    completionTokens: tokensIn(bytes),
  };
}

function answerTo(question: string): string {
  const short = question
    .trim()
    .slice(0, QUOTED_CHARACTERS_MAX)
    .replace(/[\ud800-\udbff]$/, '');
  const quoted = short.replace(/\s+/g, ' ') + (short.length < question.trim().length ? '…' : '');
  return (
    `${quoted === '' ? 'Hello.' : `You asked: “${quoted}”.`} This is the demo provider: it answers without a key and without a model. ` +
    'Set OPENAI_API_KEY or DEEPSEEK_API_KEY and start again to reach a real one.'
  );
}

const wordsOf = (text: string): readonly string[] => text.match(/\S+\s*/g) ?? [];

const tokensIn = (bytes: number) => Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN));

function outputLimit({ max_tokens, max_completion_tokens }: Readonly<Record<string, unknown>>): number {
  const limits = [max_tokens, max_completion_tokens].filter((limit) => typeof limit === 'number' && limit > 0);
  return Math.min(Number.POSITIVE_INFINITY, ...(limits as number[]));
}

/** The text of a message, whose content is a string or a list of parts. */
function textOf(message: { content?: unknown } | null): string {
  const content = message?.content;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('');
}
