/** What Gemini answers on the wire: events, their figures, errors. Purely; sending them is the server's matter. */
import type { Json } from './gemini-rules.js';

/** How one call is answered. Everything is optional: `{}` is a healthy answer of three events. */
export interface GeminiBehaviour {
  /** The texts of events. */
  text?: readonly string[];
  /** Thought parts ahead of the text. */
  thoughts?: readonly string[];
  /** Calls in the last event, in which the first is signed where the model signs. */
  toolCalls?: readonly { name: string; args?: Json; id?: string }[];
  /** A signature behind the text, on a part without text, as streams have it. */
  signature?: string;
  finishReason?: string | null;
  /** No candidate, only this. */
  blockReason?: string;
  /** Laid over the last event's figures; null for none at all. */
  usage?: Json | null;
  /** Sent in place of all others. */
  events?: readonly Json[];

  /** Sent as it is where given, else Google's error of this status. */
  status?: number;
  body?: string;
  /** Google's error as a list of one. */
  asList?: boolean;
  retryDelay?: string;
  retryAfter?: string;
  refuse?: boolean;
  silent?: 'before_headers' | 'after_headers';
  /** Counts events. */
  cutAfter?: number;
  errorAfter?: number;
  malformedAfter?: number;
  beforeHeaders?: Promise<unknown>;
  beforeEvent?: (index: number) => Promise<unknown> | undefined;
  bytesPerWrite?: number;
  splitAt?: readonly number[];
  lineEnd?: '\n' | '\r\n';
}

const DIRECTIVES: Record<string, (behaviour: GeminiBehaviour, value: string) => void> = {
  chunks: (b, v) => (b.text = Array<string>(Number(v)).fill('word ')),
  think: (b, v) => (b.thoughts = Array<string>(Number(v)).fill('hmm ')),
  tools: (b) => (b.toolCalls = [{ name: 'get_weather', args: { city: 'Zürich' } }]),
  finish: (b, v) => (b.finishReason = v === 'null' ? null : v),
  block: (b, v) => (b.blockReason = v),
  'no-usage': (b) => (b.usage = null),
  status: (b, v) => (b.status = Number(v)),
  refuse: (b) => (b.refuse = true),
  silent: (b) => (b.silent = 'before_headers'),
  'headers-only': (b) => (b.silent = 'after_headers'),
  'cut-after': (b, v) => (b.cutAfter = Number(v)),
  'error-after': (b, v) => (b.errorAfter = Number(v)),
  bytes: (b, v) => (b.bytesPerWrite = Number(v)),
};

/** `[[chunks=50 cut-after=3]]` anywhere in the text; an unknown word throws, so that no test passes by a typo. */
export function parseDirectives(text: string): GeminiBehaviour {
  const behaviour: GeminiBehaviour = {};
  for (const word of /\[\[(.*?)\]\]/s.exec(text)?.[1]?.trim().split(/\s+/) ?? []) {
    const [name = '', value = ''] = word.split('=');
    const set = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
    if (set === undefined) throw new Error(`unknown directive: ${word}`);
    set(behaviour, value);
  }
  return behaviour;
}

export interface Envelope {
  readonly responseId: string;
  readonly model: string;
  readonly callIndex: number;
  /** Signs the first of the calls; undefined for a model that does not. */
  readonly sign: ((name: string, args: Json) => string) | undefined;
  readonly candidateCount: number;
}

/** The events of an answer, each with the figures so far. A word counts as a token, a thought as ten. */
export function eventsOf(behaviour: GeminiBehaviour, envelope: Envelope): Json[] {
  if (behaviour.events !== undefined) return [...behaviour.events];
  const tail = { modelVersion: envelope.model, responseId: envelope.responseId };
  const promptTokenCount = 8 + (envelope.callIndex % 5);
  const figures = (thoughts: number, candidates: number, last: boolean): Json =>
    behaviour.usage === null
      ? {}
      : {
          usageMetadata: {
            promptTokenCount,
            ...(candidates > 0 && { candidatesTokenCount: candidates }),
            totalTokenCount: promptTokenCount + candidates + thoughts,
            promptTokensDetails: [{ modality: 'TEXT', tokenCount: promptTokenCount }],
            ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
            ...(last && behaviour.usage),
          },
        };
  if (behaviour.blockReason !== undefined)
    return [{ promptFeedback: { blockReason: behaviour.blockReason }, ...figures(0, 0, true), ...tail }];
  const lists = partsOf(behaviour, envelope);
  let thoughts = 0;
  let candidates = 0;
  return lists.map((parts, index) => {
    for (const part of parts) {
      if (part['thought']) thoughts += 10;
      else candidates += envelope.candidateCount;
    }
    const last = index === lists.length - 1;
    const reason = behaviour.finishReason === undefined ? 'STOP' : behaviour.finishReason;
    const candidate = (at: number) => ({
      content: { parts, role: 'model' },
      ...(last && reason !== null && { finishReason: reason }),
      index: at,
    });
    const all = Array.from({ length: envelope.candidateCount }, (_, at) => candidate(at));
    return { candidates: all, ...figures(thoughts, candidates, last), ...tail };
  });
}

function partsOf({ text, thoughts = [], toolCalls = [], signature }: GeminiBehaviour, { sign }: Envelope): Json[][] {
  const texts = text ?? (toolCalls.length > 0 ? [] : ['word ', 'word ', 'word ']);
  const calls = toolCalls.map(({ name, args = {}, id }, index) => ({
    functionCall: { ...(id !== undefined && { id }), name, args },
    ...(index === 0 && sign && { thoughtSignature: sign(name, args) }),
  }));
  return [
    ...thoughts.map((thought) => [{ text: thought, thought: true }]),
    ...texts.map((each) => [{ text: each }]),
    ...(calls.length > 0 ? [calls] : []),
    ...(signature === undefined ? [] : [[{ text: '', thoughtSignature: signature }]]),
  ];
}

/** All events in one, as the answer at once is. */
export function merged(events: readonly Json[]): Json {
  const byIndex = new Map<unknown, { content: { parts: unknown[] }; [name: string]: unknown }>();
  for (const event of events) {
    for (const candidate of (event['candidates'] ?? []) as { index: number; content: { parts: unknown[] } }[]) {
      const before = byIndex.get(candidate.index)?.content.parts ?? [];
      const content = { ...candidate.content, parts: [...before, ...candidate.content.parts] };
      byIndex.set(candidate.index, { ...candidate, content });
    }
  }
  return { ...events.at(-1), ...(byIndex.size > 0 && { candidates: [...byIndex.values()] }) };
}

const STATUSES: Readonly<Record<number, string>> = {
  ...{ 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED' },
  ...{ 499: 'CANCELLED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED' },
};

/** Google's error: `google.rpc.Status` in JSON. */
export function googleError(code: number, message: string, details: readonly Json[] = []): Json {
  return { error: { code, message, status: STATUSES[code] ?? 'UNKNOWN', ...(details.length > 0 && { details }) } };
}

/** JSON as Google prints it in streams: a space behind each colon, none behind commas. */
export function printed(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printed).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}: ${printed(member)}`).join(',')}}`;
}
