import type { Dialect, UsageFigures } from './openai-wire.js';
import { letters, prose } from './prose.js';

/** How one call is answered. Everything is optional: `{}` is a healthy answer of three chunks. */
export interface Behaviour {
  // What is said.
  /** Content deltas when `text` is not a list; 0 is an empty completion. */
  chunks?: number;
  /** A list gives the deltas themselves; a string is repeated in every delta. */
  text?: string | readonly string[];
  /** `reasoning_content` deltas ahead of the text (DeepSeek). */
  reasoning?: readonly string[];
  toolCalls?: readonly { name: string; arguments: string }[];
  finishReason?: string | null;
  /** Without it: a few prompt tokens that differ by call, and one completion token per delta. Passed on unchecked. */
  usage?: Partial<UsageFigures>;
  /** Laid over the usage object, for figures that no honest provider sends. */
  usageExtra?: Record<string, unknown>;
  usageReports?: 0 | 1 | 2;
  dialect?: Dialect;

  // When.
  /** Before a JSON answer; between the writes of a stream. */
  delayMs?: number;
  /** Nothing is sent, not even headers, until this settles. */
  beforeHeaders?: Promise<unknown>;
  /** Awaited ahead of the delta of this index; headers are out already. */
  beforeChunk?: (index: number) => Promise<unknown> | undefined;
  /** Ahead of what follows the last delta (finish_reason, usage, [DONE]); ahead of a JSON answer's second half. */
  beforeEnd?: Promise<unknown>;

  // How the bytes lie.
  lineEnd?: '\n' | '\r\n';
  /** A comment line ahead of every event, as providers send to keep a connection open. */
  comments?: boolean;
  eventsPerWrite?: number;
  bytesPerWrite?: number;
  /** The whole body is cut at these byte offsets, wherever they fall. */
  splitAt?: readonly number[];
  /** One delta of this size ahead of the others. */
  hugeEventBytes?: number;

  // What goes wrong. Numbers count deltas: `cutAfter: 3` cuts the socket once three are out.
  status?: number;
  retryAfter?: string;
  /** Sent as it is in place of the JSON that belongs to the status. */
  body?: string;
  contentType?: string;
  /** The socket is closed without a byte. */
  refuse?: boolean;
  silent?: 'before_headers' | 'after_headers';
  cutAfter?: number;
  silentAfter?: number;
  errorAfter?: number;
  malformedAfter?: number;
  omitDone?: boolean;
  /** More bytes after [DONE]. */
  afterDone?: string;
}

type Mutable = { -readonly [key in keyof Behaviour]: Behaviour[key] };

const count = (value: string) => {
  const number = Number(value);
  if (value === '' || Number.isNaN(number)) throw new Error(`not a number: ${value}`);
  return number;
};
const usage = (field: keyof UsageFigures) => (behaviour: Mutable, value: string) => {
  behaviour.usage = { ...behaviour.usage, [field]: count(value) };
};

/** The words that a prompt may hold between double brackets. */
const DIRECTIVES: Record<string, (behaviour: Mutable, value: string) => void> = {
  chunks: (b, v) => (b.chunks = count(v)),
  text: (b, v) => (b.text = v),
  prose: (b, v) => (b.text = prose(count(v))),
  letters: (b, v) => (b.text = letters(count(v))),
  think: (b, v) => (b.reasoning = Array<string>(count(v)).fill('hmm ')),
  tools: (b) => (b.toolCalls = [{ name: 'get_weather', arguments: '{"city":"Zürich"}' }]),
  finish: (b, v) => (b.finishReason = v === 'null' ? null : v),
  prompt: usage('promptTokens'),
  completion: usage('completionTokens'),
  cached: usage('cachedTokens'),
  'cache-write': usage('cacheWriteTokens'),
  reasoning: usage('reasoningTokens'),
  'no-usage': (b) => (b.usageReports = 0),
  'usage-twice': (b) => (b.usageReports = 2),
  deepseek: (b) => (b.dialect = 'deepseek'),
  delay: (b, v) => (b.delayMs = count(v)),
  crlf: (b) => (b.lineEnd = '\r\n'),
  comments: (b) => (b.comments = true),
  events: (b, v) => (b.eventsPerWrite = count(v)),
  bytes: (b, v) => (b.bytesPerWrite = count(v)),
  split: (b, v) => (b.splitAt = v.split(',').map(count)),
  huge: (b, v) => (b.hugeEventBytes = count(v)),
  status: (b, v) => (b.status = count(v)),
  'retry-after': (b, v) => (b.retryAfter = v),
  refuse: (b) => (b.refuse = true),
  silent: (b) => (b.silent = 'before_headers'),
  'headers-only': (b) => (b.silent = 'after_headers'),
  'cut-after': (b, v) => (b.cutAfter = count(v)),
  'silent-after': (b, v) => (b.silentAfter = count(v)),
  'error-after': (b, v) => (b.errorAfter = count(v)),
  'malformed-after': (b, v) => (b.malformedAfter = count(v)),
  'no-done': (b) => (b.omitDone = true),
};

/** `[[chunks=50 delay=10 cut-after=3]]` anywhere in the text; an unknown word throws, so that no test passes by a typo. */
export function parseDirectives(text: string): Behaviour {
  const behaviour: Mutable = {};
  const words = /\[\[(.*?)\]\]/s.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  for (const word of words) {
    const [name = '', ...value] = word.split('=');
    const set = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
    if (set === undefined) throw new Error(`unknown directive: ${word}`);
    set(behaviour, value.join('='));
  }
  return behaviour;
}
