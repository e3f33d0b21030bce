import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import type { ChatCall, ChatObject, ReportedUsage } from '../../src/providers/provider.js';
import type { StreamOutlet } from '../../src/providers/wire-format.js';
import { printed } from './gemini-answer.js';

export interface Read {
  /** Chunks, and texts as the chunks that they stand for. */
  readonly chunks: ChatObject[];
  /** How many of them were recognised without parsing. */
  texts: number;
  reported: ReportedUsage | undefined;
  failure: unknown;
  complete: boolean;
}

/** What the reader makes of events, printed as Google prints them. */
export function read(...events: readonly unknown[]): Read {
  const told: Read = { chunks: [], texts: 0, reported: undefined, failure: undefined, complete: false };
  const outlet: StreamOutlet = {
    isOpen: true,
    chunk: (chunk) => told.chunks.push(chunk),
    text: (index, content) => {
      told.texts++;
      told.chunks.push({ choices: [{ index, delta: { content: JSON.parse(content) as string } }] });
    },
    usage: ({ usage, anomalies }) => {
      told.reported = { usage, anomalies };
    },
    finish: () => undefined,
    failed: (answer) => {
      told.failure = answer;
    },
    brokenBy: (what) => {
      told.failure = what;
    },
  };
  const reader = geminiWire.reader(outlet, call());
  for (const event of events) reader.event(Buffer.from(typeof event === 'string' ? event : printed(event)), '');
  told.complete = reader.bodyEnded();
  return told;
}

/** The choices of all chunks in order. */
export const choicesOf = ({ chunks }: Read): Choice[] => chunks.flatMap(({ choices }) => choices as Choice[]);

export interface Choice {
  readonly index: number;
  readonly delta: ChatObject;
  readonly finish_reason?: string | null;
  readonly native_finish_reason?: string;
}

const SUPPORTED = [
  ...['temperature', 'top_p', 'top_k', 'stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'],
  ...['response_format', 'tools', 'tool_choice', 'reasoning'],
];

/** A call that says hello, and what else is given. */
export const call = (request: Partial<ChatCall['request']> = {}, more: Partial<ChatCall> = {}): ChatCall => ({
  upstreamModel: 'gemini-2.5-flash',
  request: { messages: [{ role: 'user', content: 'Hi' }], ...request },
  supportedParameters: SUPPORTED,
  outputTokensMax: undefined,
  reasoning: undefined,
  ...more,
});

/** The body that is sent for a call. */
export const bodyOf = (...parameters: Parameters<typeof call>): Body => geminiWire.body(call(...parameters), false) as Body;

export interface Body {
  readonly contents: { readonly role: string; readonly parts: ChatObject[] }[];
  readonly systemInstruction?: ChatObject;
  readonly tools?: ChatObject[];
  readonly toolConfig?: ChatObject;
  readonly generationConfig?: ChatObject;
}

/** An event with one candidate. */
export const event = (parts: readonly object[], more: object = {}, rest: object = {}) => ({
  candidates: [{ content: { parts, role: 'model' }, ...more, index: 0 }],
  ...rest,
  modelVersion: 'gemini-2.5-flash',
  responseId: 'abc-D_1',
});
