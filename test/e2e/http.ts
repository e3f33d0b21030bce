/** What the end-to-end tests say over the wire, and how they read the answers. */
import type { Gateway } from '../support/gateway.js';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined where it is none. */
  readonly json: Json;
}

// biome-ignore lint/suspicious/noExplicitAny: a body of the API, whose form the test states
export type Json = any;

export interface Asking {
  readonly method?: string;
  /** Sent as `Authorization: Bearer`. */
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text goes out as it is; anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

const CHAT = { v1: '/v1/chat/completions', 'api/v1': '/api/v1/chat/completions' } as const;
export type Dialect = keyof typeof CHAT;
export const DIALECTS = Object.keys(CHAT) as Dialect[];
export const chatPath = (dialect: Dialect): string => CHAT[dialect];

export function send(gateway: Gateway, path: string, { method, key, headers, body, signal }: Asking = {}): Promise<Response> {
  return fetch(gateway.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  });
}

export async function ask(gateway: Gateway, path: string, asking: Asking = {}): Promise<Answered> {
  const answer = await send(gateway, path, asking);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: parsed(text) };
}

/** The body of a chat with one message: `[[directives]]` in it tell the fake provider what to do. */
export const chat = (prompt: string, extra: object = {}): Record<string, unknown> => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: prompt }],
  ...extra,
});

export interface Balance {
  readonly current_balance: number;
  readonly total_earned: number;
  readonly total_spent: number;
}

export async function balanceOf(gateway: Gateway, key: string): Promise<Balance> {
  const { status, json, text } = await ask(gateway, '/api/v3/auth/credit-balance', { key });
  if (status !== 200) throw new Error(`credit-balance: ${status} ${text}`);
  return json as Balance;
}

/** Prices of a token in pico-credits, as the catalogue publishes them. */
export async function publishedPrices(
  gateway: Gateway,
  model: string,
): Promise<Record<'prompt' | 'cached' | 'completion', bigint>> {
  const { json } = await ask(gateway, '/v1/models');
  const { pricing } = json.data.find(({ id }: { id: string }) => id === model);
  return { prompt: pico(pricing.prompt), cached: pico(pricing.input_cache_read), completion: pico(pricing.completion) };
}

/** Pico-credits as the credits that are charged: rounded up, once, to a nano-credit. */
export const charged = (picoCredits: bigint): number => Number((picoCredits + 999n) / 1000n) / 1e9;

function pico(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(12, '0'));
}

export function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a promise rejects with; throws where it does not. */
export const rejectionOf = (promise: Promise<unknown>): Promise<Json> =>
  promise.then(
    (value) => Promise.reject(new Error(`answered with ${JSON.stringify(value)}`)),
    (error) => error,
  );

const EVENTUALLY_MS = 10_000;
const BETWEEN_MS = 20;

/** Repeats a check until it no longer throws; past the deadline, throws what it threw last. */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = EVENTUALLY_MS): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  }
}
