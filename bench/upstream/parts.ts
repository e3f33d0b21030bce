/** What is asked of the fake provider, and its answer in the asker's wire format, in the pieces in which it is written. */
import { jsonAnswer, streamAnswer, textsOf, usageOf } from './answer.js';
import { messageEvents, messageObject } from './anthropic-wire.js';
import type { Behaviour } from './behaviour.js';
import { contentEvents, contentObject } from './gemini-wire.js';

export type Wire = 'openai' | 'anthropic' | 'gemini';

/** How an answer is asked for. */
export interface Asked {
  readonly wire: Wire;
  readonly stream: boolean;
  /** OpenAI's `stream_options.include_usage`; the others always report. */
  readonly includeUsage: boolean;
}

const MARKS = { stream: '"stream":true', usage: '"include_usage":true' };

/** The body is searched, not parsed: parsing would be a third of the work done here. */
export function askedBy(url: string, body: string): Asked {
  const includeUsage = body.includes(MARKS.usage);
  if (url.endsWith('/messages')) return { wire: 'anthropic', stream: body.includes(MARKS.stream), includeUsage };
  if (url.includes('enerateContent')) return { wire: 'gemini', stream: url.includes(':stream'), includeUsage };
  return { wire: 'openai', stream: body.includes(MARKS.stream), includeUsage };
}

/** One piece for JSON; for a stream one for each of its events, or for as many of them as the behaviour writes at once. */
export function partsOf({ wire, stream, includeUsage }: Asked, behaviour: Behaviour): Buffer[] {
  if (wire === 'openai') {
    const envelope = { id: 'chatcmpl-bench', model: 'gpt-4o-mini', dialect: 'openai', includeUsage } as const;
    const { writes } = (stream ? streamAnswer : jsonAnswer)(behaviour, envelope, usageOf(behaviour, 0));
    return writes.map(({ pieces }) => Buffer.concat(pieces));
  }
  const texts = textsOf(behaviour);
  const { events, object } = TRANSLATED[wire];
  return (stream ? events(texts) : [JSON.stringify(object(texts))]).map((text) => Buffer.from(text));
}

const TRANSLATED = {
  anthropic: { events: messageEvents, object: messageObject },
  gemini: { events: contentEvents, object: contentObject },
} as const;
