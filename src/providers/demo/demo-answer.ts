import type { ChatCall, ChatMessage } from '../provider.js';

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

export function demoAnswer({ request: { messages }, outputTokensMax: limit = Number.POSITIVE_INFINITY }: ChatCall): DemoAnswer {
  const said = messages.map(textOf);
  const all = wordsOf(answerTo(said[messages.findLastIndex((message) => message.role === 'user')] ?? ''));
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
    'Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or DEEPSEEK_API_KEY and start again to reach a real one.'
  );
}

const wordsOf = (text: string): readonly string[] => text.match(/\S+\s*/g) ?? [];

const tokensIn = (bytes: number) => Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN));

/** The text of a message, whose content is a string or a list of parts. */
function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map(({ text }) => (typeof text === 'string' ? text : '')).join('');
}
