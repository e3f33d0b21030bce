/**
 * What a test has to know of the four ways to speak in order to break an answer, and to read from what went out of it what was
 * served and reported. Shares no code with the providers.
 */
import type { Json } from '../e2e/http.js';

export const KINDS = ['openai', 'deepseek', 'anthropic', 'gemini'] as const;
export type Kind = (typeof KINDS)[number];

/** Tokens by class, of one side; undefined where the provider has told no total of it. */
export type Classes = Readonly<Record<string, number>>;
export interface Told {
  readonly input: Classes | undefined;
  readonly output: Classes | undefined;
}

export interface Wire {
  /** Begins the upstream name of its models, so that the fake knows whose rules hold. */
  readonly upstreamModel: string;
  /** Events of the answer in three pieces that the fakes give. */
  readonly events: number;
  /** Of an event or of an answer at once. */
  text(event: Json): string;
  /** Makes the usage of an event another; undefined takes it away. An event without usage stays as it is. */
  editUsage(event: Json, edit: (usage: Json) => Json | undefined): Json;
  /** What all the events so far have reported, read as an honest provider's. */
  told(events: readonly Json[]): Told;
  /** An error in the middle of a stream, and in a 200. */
  readonly errorEvent: string;
  readonly error: Json;
  /** Takes the text and the reason to finish out of an answer, and sets its usage to no output. */
  emptied(event: Json): Json | undefined;
}

/** The three pieces of every answer. Each has letters of several bytes. */
export const TEXTS = ['Grüezi ', 'mitenand 🎉 ', 'us Zürich.'];
export const INPUT = { input_uncached: 60, cache_read: 40 };
export const OUTPUT = { output_visible: 7 };

const figuresOf = (usages: readonly Json[]): Json => Object.assign({}, ...usages);

const openAi = (upstreamModel: string): Wire => ({
  upstreamModel,
  events: 7,
  text: ({ choices = [] }) => choices[0]?.delta?.content ?? choices[0]?.message?.content ?? '',
  editUsage: (event, edit) => (event.usage ? { ...event, usage: edit(event.usage) } : event),
  told(events) {
    const usage = events.findLast((event) => event.usage)?.usage;
    if (!usage) return { input: undefined, output: undefined };
    const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    return {
      input: { input_uncached: usage.prompt_tokens - cached, cache_read: cached },
      output: { output_visible: usage.completion_tokens },
    };
  },
  error: { error: { message: 'The server had an error.', type: 'server_error', param: null, code: null } },
  get errorEvent() {
    return `data: ${JSON.stringify(this.error)}\n\n`;
  },
  emptied(event) {
    if (this.text(event) !== '' && event.choices[0].delta) return undefined;
    const [choice] = event.choices ?? [];
    const silent = choice && {
      ...choice,
      finish_reason: null,
      ...(choice.message && { message: { role: 'assistant', content: '' } }),
    };
    const usage = event.usage && { ...event.usage, completion_tokens: 0, total_tokens: event.usage.prompt_tokens };
    return { ...event, ...(choice && { choices: [silent] }), ...(usage && { usage }) };
  },
});

const anthropic: Wire = {
  upstreamModel: 'claude-3-haiku',
  events: 9,
  text: ({ delta, content }) => delta?.text ?? content?.map(({ text = '' }) => text).join('') ?? '',
  editUsage: (event, edit) => {
    if (event.message?.usage) return { ...event, message: { ...event.message, usage: edit(event.message.usage) } };
    return event.usage ? { ...event, usage: edit(event.usage) } : event;
  },
  told(events) {
    const atStart = events.map((event) => event.message?.usage).filter(Boolean);
    const atEnd = events.map((event) => event.usage).filter(Boolean);
    const { input_tokens, cache_read_input_tokens = 0 } = figuresOf([...atStart, ...atEnd]);
    const { output_tokens } = figuresOf(atEnd);
    return {
      input: input_tokens === undefined ? undefined : { input_uncached: input_tokens, cache_read: cache_read_input_tokens },
      // Of the start it is no total.
      output: output_tokens === undefined ? undefined : { output_visible: output_tokens },
    };
  },
  error: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  get errorEvent() {
    return `event: error\ndata: ${JSON.stringify(this.error)}\n\n`;
  },
  emptied(event) {
    if (String(event.type).startsWith('content_block')) return undefined;
    if (event.type === 'message_delta')
      return { ...event, delta: { stop_reason: null }, usage: { ...event.usage, output_tokens: 0 } };
    if (event.type !== 'message') return event;
    return { ...event, content: [], stop_reason: null, usage: { ...event.usage, output_tokens: 0 } };
  },
};

const gemini: Wire = {
  upstreamModel: 'gemini-2.0-flash',
  events: 3,
  text: ({ candidates = [] }) => candidates[0]?.content?.parts.map(({ text = '' }) => text).join('') ?? '',
  editUsage: (event, edit) => (event.usageMetadata ? { ...event, usageMetadata: edit(event.usageMetadata) } : event),
  told(events) {
    const usage = events.findLast((event) => event.usageMetadata)?.usageMetadata;
    if (!usage) return { input: undefined, output: undefined };
    const cached = usage.cachedContentTokenCount ?? 0;
    return {
      input: { input_uncached: usage.promptTokenCount - cached, cache_read: cached },
      output: { output_visible: usage.candidatesTokenCount },
    };
  },
  error: { error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' } },
  get errorEvent() {
    return `data: ${JSON.stringify(this.error)}\n\n`;
  },
  emptied: ({ candidates: [{ finishReason: _reason, ...candidate }], usageMetadata, ...event }) => {
    const { candidatesTokenCount: _none, ...usage } = usageMetadata;
    return {
      ...event,
      candidates: [{ ...candidate, content: { role: 'model', parts: [{ text: '' }] } }],
      usageMetadata: { ...usage, totalTokenCount: usage.promptTokenCount },
    };
  },
};

export const WIRES: Readonly<Record<Kind, Wire>> = {
  openai: openAi('gpt-4o-mini'),
  deepseek: openAi('deepseek-chat'),
  anthropic,
  gemini,
};

/** The JSON of what went out; undefined for `[DONE]` and for what is none. */
export function jsonOf(piece: string): Json | undefined {
  try {
    return JSON.parse(/^data: (.*)$/m.exec(piece)?.[1] ?? piece);
  } catch {
    return undefined;
  }
}

/** Edits the JSON of a piece, be it an event or a document; undefined takes the piece away. */
export function edited(piece: string, edit: (json: Json) => Json | undefined): string[] {
  const json = jsonOf(piece);
  if (json === undefined) return [piece];
  const after = edit(json);
  if (after === undefined) return [];
  const text = JSON.stringify(after);
  return [piece.includes('data: ') ? piece.replace(/^data: .*$/m, () => `data: ${text}`) : text];
}
