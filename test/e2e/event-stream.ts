/** Reads a streamed chat frame by frame, as it arrives. */
import type { Gateway } from '../support/gateway.js';
import { type Asking, type Json, parsed, send } from './http.js';

/** A frame as it was written: a comment, or data with its JSON where it is some. */
export interface Frame {
  readonly comment?: string;
  readonly data?: string;
  readonly json?: Json;
}

export interface StreamedChat {
  readonly status: number;
  readonly headers: Headers;
  /** The next frame; undefined at the end. Rejects where the connection broke. */
  next(): Promise<Frame | undefined>;
  /** Reads on until a frame is the one that is waited for, and returns it. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame>;
  /** All frames that are left. */
  rest(): Promise<Frame[]>;
  /** Hangs up. */
  leave(): void;
}

export async function openStream(gateway: Gateway, path: string, asking: Asking): Promise<StreamedChat> {
  const leaving = new AbortController();
  const response = await send(gateway, path, { ...asking, signal: leaving.signal });
  const frames = framesOf(response);
  const next = async () => (await frames.next()).value as Frame | undefined;
  return {
    status: response.status,
    headers: response.headers,
    next,
    async until(wanted) {
      for (let frame = await next(); frame !== undefined; frame = await next()) if (wanted(frame)) return frame;
      throw new Error('the stream ended before the frame came');
    },
    async rest() {
      const all: Frame[] = [];
      for (let frame = await next(); frame !== undefined; frame = await next()) all.push(frame);
      return all;
    },
    leave: () => leaving.abort(),
  };
}

async function* framesOf(response: Response): AsyncGenerator<Frame, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield frameOf(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
  if (text !== '') throw new Error(`the stream ended within a frame: ${text.slice(0, 200)}`);
  return undefined;
}

/** The frames of a stream that has been read to its end. */
export function framesIn(text: string): Frame[] {
  if (!text.endsWith('\n\n')) throw new Error(`the stream ended within a frame: ${text.slice(-200)}`);
  return text.slice(0, -2).split('\n\n').map(frameOf);
}

function frameOf(text: string): Frame {
  if (text.startsWith(':')) return { comment: text.slice(1).trim() };
  if (!text.startsWith('data: ') || text.includes('\n')) throw new Error(`no frame: ${text.slice(0, 200)}`);
  const data = text.slice('data: '.length);
  return { data, json: parsed(data) };
}

/** The deltas of content, one by frame that has any. */
export const contentsOf = (frames: readonly Frame[]): string[] =>
  frames.map(({ json }) => json?.choices?.[0]?.delta?.content).filter((content) => typeof content === 'string' && content !== '');

export const isContent = (frame: Frame): boolean => contentsOf([frame]).length > 0;

/** Why the answer ended, as its frames say. */
export const finishOf = (frames: readonly Frame[]): string | undefined =>
  frames.map(({ json }) => json?.choices?.[0]?.finish_reason).find((reason) => typeof reason === 'string');
