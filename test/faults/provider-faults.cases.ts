/** Each way in which a provider fails, and what the account must then have paid. */
import type { Json } from '../e2e/http.js';
import { edited, jsonOf, KINDS, type Kind, WIRES, type Wire } from '../support/provider-faults-wires.js';
import type { Fault } from './provider-world.js';

/** What the ledger says in the end. */
export type Expected =
  | { readonly released: 'provider_error' | 'nothing_served' | 'client_gone' }
  | {
      readonly charged: 'provider' | 'estimated' | 'drained';
      readonly outcome: 'completed' | 'cut' | 'client_gone';
      readonly anomalies?: readonly string[];
      /** Whether what is reported of the prompt cannot be believed. */
      readonly promptIsCounted?: boolean;
      /** Laid over what an honest reading of the figures gives. */
      readonly classes?: Readonly<Record<string, number>>;
    };

export interface Case {
  readonly title: string;
  readonly kind: Kind;
  readonly stream: boolean;
  readonly fault: Fault;
  readonly expected: Expected;
  /** Of the answer to the client; undefined where nobody waits for it. */
  readonly status?: number;
  /** The client leaves: before anything is answered, or after the first text. */
  readonly leaves?: 'before' | 'after';
}

type Row = Omit<Case, 'kind'>;
type Edit = (pieces: readonly string[]) => readonly string[];

const WHOLE: Expected = { charged: 'provider', outcome: 'completed' };
const NOTHING: Expected = { released: 'provider_error' };
const BROKEN_EVENT = 'data: {"id":"x","choices":[{"delta":{"cont\n\n';

/** After how many events of a stream what comes of it, if the connection ends there: `.` nothing, `e` estimated, `p` as reported, `!` all. */
const ENDINGS: Readonly<Record<Kind, string>> = {
  openai: '..eeeep!',
  deepseek: '..eeeep!',
  // The start reports the prompt, but no total of the answer.
  anthropic: '....eeeep!',
  // Only the end of the body says that a stream was whole.
  gemini: '.ppp',
};
const EXPECTED: Readonly<Record<string, Expected>> = {
  '.': NOTHING,
  e: { charged: 'estimated', outcome: 'cut' },
  p: { charged: 'provider', outcome: 'cut' },
  '!': WHOLE,
};

const STATUSES: readonly [title: string, fault: Fault, status: number][] = [
  ['429', { status: 429 }, 429],
  ['429 with a long Retry-After', { status: 429, retryAfter: '30' }, 429],
  ['500', { status: 500 }, 502],
  ['503', { status: 503 }, 503],
  ['529', { status: 529 }, 529],
];

const USAGE: Readonly<Record<Kind, { zero: Json; over: Json; negative: Json; overSays: Expected; negativeSays: string }>> = {
  openai: openAiUsage(),
  deepseek: openAiUsage(),
  anthropic: {
    zero: { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 },
    over: { output_tokens_details: { thinking_tokens: 150 } },
    overSays: { ...WHOLE, anomalies: ['thinking_tokens:exceeds'] },
    negative: { input_tokens: -5 },
    negativeSays: 'input_tokens:negative',
  },
  gemini: {
    zero: { promptTokenCount: 0, cachedContentTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 },
    over: { cachedContentTokenCount: 150 },
    overSays: { ...WHOLE, anomalies: ['cachedContentTokenCount:exceeds'], classes: { input_uncached: 100, cache_read: 0 } },
    negative: { promptTokenCount: -5 },
    negativeSays: 'promptTokenCount:negative',
  },
};

function openAiUsage(): (typeof USAGE)[Kind] {
  const details = { prompt_tokens_details: { cached_tokens: 0 }, prompt_cache_hit_tokens: 0, prompt_cache_miss_tokens: 0 };
  return {
    zero: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, ...details },
    over: { prompt_tokens_details: { cached_tokens: 150 } },
    overSays: { ...WHOLE, anomalies: ['cached_tokens:exceeds'], classes: { input_uncached: 100, cache_read: 0 } },
    negative: { prompt_tokens: -5 },
    negativeSays: 'prompt_tokens:negative',
  };
}

/** Edits the JSON of every piece. */
const each =
  (edit: (json: Json) => Json | undefined): Edit =>
  (pieces) =>
    pieces.flatMap((piece) => edited(piece, edit));

/** The edits of usage that a stream and an answer at once have in common. */
function usageRows(kind: Kind, wire: Wire, stream: boolean): Row[] {
  const { zero, over, negative, overSays, negativeSays } = USAGE[kind];
  const laidOver = (figures: Json) => each((event) => wire.editUsage(event, (usage) => ({ ...usage, ...figures })));
  const row = (title: string, edit: Edit, expected: Expected): Row => ({ title, stream, fault: { edit }, expected, status: 200 });
  return [
    row(
      'usage missing',
      each((event) => wire.editUsage(event, () => undefined)),
      { charged: 'estimated', outcome: 'completed' },
    ),
    row('usage of explicit zeros', laidOver(zero), WHOLE),
    row('usage with a part greater than its whole', laidOver(over), overSays),
    row('usage with a negative prompt', laidOver(negative), {
      ...{ charged: 'estimated', outcome: 'completed', anomalies: [negativeSays], promptIsCounted: true },
    }),
    row(
      'nothing generated, and no reason to finish',
      each((event) => wire.emptied(event)),
      {
        // Without a reason to finish Gemini's stream is not known to be whole.
        released: kind === 'gemini' && stream ? 'provider_error' : 'nothing_served',
      },
    ),
  ];
}

function eitherRows(kind: Kind, wire: Wire, stream: boolean): Row[] {
  const failing = (title: string, fault: Fault, status: number): Row => ({ title, stream, fault, status, expected: NOTHING });
  return [
    { title: 'nothing goes wrong', stream, fault: {}, expected: WHOLE, status: 200 },
    ...STATUSES.map(([title, fault, status]) => failing(title, fault, status)),
    failing('reset ahead of the headers', { unanswered: 'reset' }, 502),
    failing('silence ahead of the headers', { unanswered: 'silent' }, 504),
    failing('closed behind the headers', { bytes: () => 0, ending: 'cut' }, stream ? 200 : 502),
    failing('silence behind the headers', { bytes: () => 0, ending: 'silent' }, stream ? 200 : 504),
    failing('a 200, and the end', { bytes: () => 0 }, stream ? 200 : 502),
    ...usageRows(kind, wire, stream),
  ];
}

function atOnceRows(wire: Wire): Row[] {
  const failing = (title: string, fault: Fault, status: number): Row => ({
    ...{ title, stream: false, fault, status, expected: NOTHING },
  });
  const half = (body: Buffer) => body.length >> 1;
  return [
    failing('closed in the middle', { bytes: half, ending: 'cut' }, 502),
    failing('silence in the middle', { bytes: half, ending: 'silent' }, 504),
    failing('half a document, and the end', { bytes: half }, 502),
    failing(
      'an error in a 200',
      { edit: () => [JSON.stringify(wire.error)] },
      wire.error.error.type === 'server_error' ? 502 : 503,
    ),
  ];
}

function streamRows(kind: Kind, wire: Wire): Row[] {
  const textAt = (pieces: readonly string[], nth = 0) =>
    pieces.map((piece, at) => ({ at, text: wire.text(jsonOf(piece) ?? {}) })).filter(({ text }) => text !== '')[nth]?.at ?? -1;
  const [beforeText, afterText] = [0, 1].map(
    (texts) =>
      (broken: string): Edit =>
      (pieces) => [...pieces.slice(0, textAt(pieces) + texts), broken],
  ) as [(broken: string) => Edit, (broken: string) => Edit];
  const inEmoji = (body: Buffer) => body.indexOf('🎉') + 2;
  const cutByOne = EXPECTED[kind === 'gemini' ? 'p' : 'e'] as Expected;
  const isEnd = (piece: string) => /\[DONE\]|message_stop/.test(piece);
  const row = (title: string, fault: Fault, expected: Expected): Row => ({ title, stream: true, fault, expected, status: 200 });
  return [
    ...[...(ENDINGS[kind] as string)].map((ending, events) =>
      row(
        `closed behind ${events} events`,
        { edit: (pieces) => pieces.slice(0, events), ending: 'cut' },
        EXPECTED[ending] as Expected,
      ),
    ),
    row('closed within a character', { bytes: inEmoji, ending: 'cut' }, cutByOne),
    row('parted within a character', { partedAt: inEmoji }, WHOLE),
    row('silence behind some text', { edit: (pieces) => pieces.slice(0, textAt(pieces, 1) + 1), ending: 'silent' }, cutByOne),
    row('no event ahead of the text', { edit: beforeText(BROKEN_EVENT) }, NOTHING),
    row('no event behind some text', { edit: afterText(BROKEN_EVENT) }, cutByOne),
    row('an error ahead of the text', { edit: beforeText(wire.errorEvent) }, NOTHING),
    row('an error behind some text', { edit: afterText(wire.errorEvent) }, cutByOne),
    row('the last event twice', { edit: (pieces) => [...pieces, ...pieces.slice(-1)] }, WHOLE),
    ...lastEventRows(kind, wire, isEnd, row),
  ];
}

function lastEventRows(
  kind: Kind,
  wire: Wire,
  isEnd: (piece: string) => boolean,
  row: (title: string, fault: Fault, expected: Expected) => Row,
): Row[] {
  const hasUsage = (piece: string) => /"(usage|usageMetadata)": ?\{/.test(piece);
  const finishes = (piece: string) => /"(finish_reason|stop_reason|finishReason)": ?"/.test(piece);
  const usageAtEnd: Edit = (pieces) => {
    const start = jsonOf(pieces[0] as string)?.message?.usage;
    const last = pieces.findLastIndex(hasUsage);
    return pieces.flatMap((piece, at) =>
      edited(piece, (event) => wire.editUsage(event, (usage) => (at === last ? { ...start, ...usage } : undefined))),
    );
  };
  return [
    row(
      'the reason to finish twice',
      { edit: (pieces) => pieces.flatMap((piece) => (finishes(piece) ? [piece, piece] : [piece])) },
      WHOLE,
    ),
    row('the end missing', { edit: (pieces) => pieces.filter((piece) => !isEnd(piece)) }, WHOLE),
    row(
      'the reason to finish and the end missing',
      { edit: (pieces) => pieces.filter((piece) => !isEnd(piece) && !finishes(piece)) },
      // With it goes Anthropic's report of the answer.
      EXPECTED[kind === 'anthropic' ? 'e' : 'p'] as Expected,
    ),
    row('usage in the last event only', { edit: usageAtEnd }, WHOLE),
    row(
      'the last report of usage twice',
      { edit: (pieces) => pieces.flatMap((piece, at) => (at === pieces.findLastIndex(hasUsage) ? [piece, piece] : [piece])) },
      WHOLE,
    ),
  ];
}

function leavingRows(kind: Kind): Row[] {
  const leaving = (title: string, stream: boolean, leaves: 'before' | 'after', expected: Expected): Row => ({
    ...{ title, stream, leaves, expected, fault: {} },
  });
  // Who goes on billing when the connection is closed is read to the end.
  const drained = kind === 'gemini';
  const seen: Expected = { charged: drained ? 'drained' : 'estimated', outcome: 'client_gone' };
  return [
    leaving('the client leaves ahead of the answer', false, 'before', WHOLE),
    leaving('the client leaves ahead of the first byte', true, 'before', drained ? seen : { released: 'client_gone' }),
    leaving('the client leaves behind some text', true, 'after', seen),
  ];
}

export const CASES: readonly Case[] = KINDS.flatMap((kind) => {
  const wire = WIRES[kind];
  const rows = [
    ...[false, true].flatMap((stream) => eitherRows(kind, wire, stream)),
    ...atOnceRows(wire),
    ...streamRows(kind, wire),
    ...leavingRows(kind),
  ];
  return rows.map((row) => ({ ...row, kind }));
});
