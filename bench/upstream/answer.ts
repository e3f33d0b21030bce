/** Behaviour to bytes, purely: what is written, in which pieces, and how it ends. Sending it is the server's matter. */
import type { Behaviour } from './behaviour.js';
import {
  chunkObject,
  completionObject,
  type Envelope,
  errorObject,
  type ToolCall,
  usageChunkObject,
  usageObject,
} from './openai-wire.js';

/** Bytes that belong together; pieces go out as HTTP chunks of their own, which is how the reader sees them. */
export interface Write {
  pieces: Buffer[];
  /** Deltas that are complete with this write. */
  deltas: number;
  /** Index of the first delta in it; undefined for what comes after the last. */
  firstDelta: number | undefined;
  /** Whether the provider's usage is complete with this write. */
  usage: boolean;
}

export interface Answer {
  writes: Write[];
  ending: 'complete' | 'cut' | 'silent';
}

interface Frame {
  text: string;
  kind: 'delta' | 'usage' | 'other';
}

const TEXT = 'word ';

/** The content deltas. */
export const textsOf = ({ text = TEXT, chunks, toolCalls }: Behaviour): readonly string[] =>
  typeof text === 'string' ? Array<string>(chunks ?? (toolCalls === undefined ? 3 : 0)).fill(text) : text;

const toolCallsOf = ({ toolCalls = [] }: Behaviour): ToolCall[] =>
  toolCalls.map((call, index) => ({ id: `call_${index}`, type: 'function', function: call }));

const finishReasonOf = (behaviour: Behaviour) =>
  behaviour.finishReason === undefined ? (behaviour.toolCalls === undefined ? 'stop' : 'tool_calls') : behaviour.finishReason;

export function usageOf(behaviour: Behaviour, callIndex: number): Record<string, unknown> {
  const { dialect = 'openai', usage, usageExtra } = behaviour;
  const figures = { promptTokens: 8 + (callIndex % 5), completionTokens: deltasOf(behaviour).length, ...usage };
  return { ...usageObject(figures, dialect), ...usageExtra };
}

function deltasOf(behaviour: Behaviour): Record<string, unknown>[] {
  const tools = toolCallsOf(behaviour).flatMap((call, index) => {
    const half = Math.ceil(call.function.arguments.length / 2);
    const part = (text: string) => ({ tool_calls: [{ index, function: { arguments: text } }] });
    const opening = { tool_calls: [{ index, ...call, function: { ...call.function, arguments: '' } }] };
    return [opening, part(call.function.arguments.slice(0, half)), part(call.function.arguments.slice(half))];
  });
  return [
    ...(behaviour.hugeEventBytes === undefined ? [] : [{ content: 'x'.repeat(behaviour.hugeEventBytes) }]),
    ...(behaviour.reasoning ?? []).map((reasoning_content) => ({ content: null, reasoning_content })),
    ...textsOf(behaviour).map((content) => ({ content })),
    ...tools,
  ];
}

/** Every event in order, up to the one after which a fault stops the stream. */
function framesOf(behaviour: Behaviour, envelope: Envelope, usage: Record<string, unknown>): Frame[] {
  const data = (kind: Frame['kind'], value: object): Frame => ({ kind, text: `data: ${JSON.stringify(value)}\n\n` });
  const frames = [data('other', chunkObject(envelope, { role: 'assistant', content: '', refusal: null }))];
  const deltas = deltasOf(behaviour);
  const { errorAfter, malformedAfter } = behaviour;
  const stopAfter = Math.min(behaviour.cutAfter ?? Infinity, behaviour.silentAfter ?? Infinity);
  for (let sent = 0; sent <= deltas.length; sent++) {
    if (sent === errorAfter) return [...frames, data('other', errorObject(500))];
    if (sent === stopAfter) return frames;
    if (sent === malformedAfter)
      frames.push({ kind: 'other', text: `data: {"id":"${envelope.id}","choices":[{"delta":{"cont\n\n` });
    const delta = deltas[sent];
    if (delta !== undefined) frames.push(data('delta', chunkObject(envelope, delta)));
  }
  frames.push(data('other', chunkObject(envelope, {}, finishReasonOf(behaviour))));
  const reports = envelope.includeUsage ? (behaviour.usageReports ?? 1) : 0;
  for (let report = 0; report < reports; report++) frames.push(data('usage', usageChunkObject(envelope, usage)));
  if (behaviour.omitDone !== true) frames.push({ kind: 'other', text: 'data: [DONE]\n\n' });
  if (behaviour.afterDone !== undefined) frames.push({ kind: 'other', text: behaviour.afterDone });
  return frames;
}

export function streamAnswer(behaviour: Behaviour, envelope: Envelope, usage: Record<string, unknown>): Answer {
  const frames = framesOf(behaviour, envelope, usage);
  const perWrite = behaviour.splitAt === undefined ? (behaviour.eventsPerWrite ?? 1) : frames.length;
  const writes: Write[] = [];
  let deltasBefore = 0;
  for (let start = 0; start < frames.length; start += perWrite) {
    const group = frames.slice(start, start + perWrite);
    const deltas = group.filter(({ kind }) => kind === 'delta').length;
    const text = group.map((frame) => (behaviour.comments === true ? `: keep-alive\n\n${frame.text}` : frame.text)).join('');
    writes.push({
      pieces: cut(Buffer.from(behaviour.lineEnd === '\r\n' ? text.replaceAll('\n', '\r\n') : text), behaviour),
      deltas,
      firstDelta: deltas > 0 ? deltasBefore : undefined,
      usage: group.some(({ kind }) => kind === 'usage'),
    });
    deltasBefore += deltas;
  }
  return { writes, ending: endingOf(behaviour) };
}

/** One JSON document, in two writes where the behaviour stops or waits in the middle of it. */
export function jsonAnswer(
  behaviour: Behaviour,
  envelope: Envelope,
  usage: Record<string, unknown>,
): Answer & { length: number } {
  const content = textsOf(behaviour).join('');
  const message = {
    content: content === '' && behaviour.toolCalls !== undefined ? null : 'x'.repeat(behaviour.hugeEventBytes ?? 0) + content,
    ...(behaviour.reasoning !== undefined && { reasoning_content: behaviour.reasoning.join('') }),
    refusal: null,
    ...(behaviour.toolCalls !== undefined && { tool_calls: toolCallsOf(behaviour) }),
  };
  const reported = behaviour.usageReports === 0 ? undefined : usage;
  const completion = JSON.stringify(completionObject(envelope, message, finishReasonOf(behaviour), reported), null, 2);
  const bytes = Buffer.from(behaviour.malformedAfter === undefined ? completion : completion.slice(0, -20));
  const half = bytes.length >> 1;
  const ending = endingOf(behaviour);
  const write = (part: Buffer, whole: boolean): Write => ({
    pieces: cut(part, behaviour),
    deltas: whole ? 1 : 0,
    firstDelta: undefined,
    usage: whole && reported !== undefined,
  });
  const first = write(bytes.subarray(0, half), false);
  if (ending !== 'complete') return { writes: [first], ending, length: bytes.length };
  const writes = behaviour.beforeEnd === undefined ? [write(bytes, true)] : [first, write(bytes.subarray(half), true)];
  return { writes, ending, length: bytes.length };
}

const endingOf = ({ cutAfter, silentAfter, errorAfter = Infinity }: Behaviour): Answer['ending'] => {
  if (Math.min(cutAfter ?? Infinity, silentAfter ?? Infinity) >= errorAfter) return 'complete';
  return cutAfter !== undefined ? 'cut' : silentAfter !== undefined ? 'silent' : 'complete';
};

function cut(bytes: Buffer, { bytesPerWrite, splitAt }: Behaviour): Buffer[] {
  const offsets =
    bytesPerWrite === undefined
      ? (splitAt ?? [])
      : Array.from({ length: Math.ceil(bytes.length / bytesPerWrite) }, (_, index) => index * bytesPerWrite);
  const edges = [0, ...offsets, bytes.length].filter((edge) => edge <= bytes.length).sort((a, b) => a - b);
  return edges
    .slice(1)
    .map((edge, index) => bytes.subarray(edges[index], edge))
    .filter((piece) => piece.length > 0);
}
