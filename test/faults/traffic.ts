/** Traffic against the running program, and what it must have cost by the provider's own log and the published prices. */
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import { Agent, request } from 'undici';
import { startEventStoreNode } from '../../src/embedded/event-store/node.js';
import type { Call } from '../support/fake-upstream.js';
import type { Gateway } from '../support/gateway.js';
import { type AccountAudit, auditAccount } from '../support/ledger-audit.js';
import { later } from '../support/processes.js';

export interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The generation that was served; undefined where the client was told of a failure, before or in the stream. */
  readonly served: string | undefined;
  readonly body: string;
}

export interface Ask {
  readonly key: string;
  readonly model?: string;
  readonly stream?: boolean;
  readonly prompt: string;
  readonly maxTokens?: number;
}

/** Clients that keep at most this many connections, cut when the test ends. */
export const openConnections = (connections: number): Agent =>
  later(new Agent({ connections, headersTimeout: 60_000, bodyTimeout: 60_000 }), (agent) => agent.destroy());

/** One completion. Throws where the connection broke without an answer. */
export async function complete(
  gateway: Gateway,
  agent: Agent,
  { key, model = 'openai/gpt-4o-mini', stream = false, ...ask }: Ask,
): Promise<Reply> {
  const { statusCode, headers, body } = await request(`${gateway.url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      stream,
      messages: [{ role: 'user', content: ask.prompt }],
      ...(ask.maxTokens === undefined ? {} : { max_tokens: ask.maxTokens }),
    }),
  });
  const text = await body.text();
  const whole = stream ? text.trimEnd().endsWith('data: [DONE]') && !text.includes('"error"') : statusCode === 200;
  return {
    status: statusCode,
    retryAfter: headers['retry-after'] as string | undefined,
    served: statusCode === 200 && whole ? (headers['x-generation-id'] as string) : undefined,
    body: text,
  };
}

export const quotaOf = async (gateway: Gateway, key: string) => {
  const { statusCode, body } = await request(`${gateway.url}/quota`, { headers: { authorization: `Bearer ${key}` } });
  return { status: statusCode, body: (await body.json()) as { used_quota: number; balance: number; remaining_quota: number } };
};

/** Asks again until the answer is the one awaited; the test's own time limit bounds it. */
export async function until<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (is(answer)) return answer;
    await nextTurn();
  }
}

type Prices = Readonly<Record<string, bigint>>;

/** `GET /v1/models`: prices per token by model, in pico-credits. */
export async function publishedPrices(gateway: Gateway): Promise<ReadonlyMap<string, Prices>> {
  const { body } = await request(`${gateway.url}/v1/models`);
  const { data } = (await body.json()) as { data: { id: string; pricing: Record<string, unknown> }[] };
  const priced = data.map(({ id, pricing }): [string, Prices] => {
    const texts = Object.entries(pricing).filter((price): price is [string, string] => typeof price[1] === 'string');
    return [id, Object.fromEntries(texts.map(([name, text]) => [name, scaled(text, 12)]))];
  });
  return new Map(priced);
}

/** What a call costs by the usage that the provider reported, in nano-credits, rounded up once. */
export function costOfCall({ model, usage }: Call, prices: ReadonlyMap<string, Prices>): bigint {
  const price = [...prices].find(([id]) => id.endsWith(`/${model}`))?.[1];
  // biome-ignore lint/suspicious/noExplicitAny: the usage object of the wire
  const { prompt_tokens, completion_tokens, prompt_tokens_details, completion_tokens_details } = usage as any;
  if (!price) throw new Error(`no price is published for ${model}`);
  const [cached, reasoning] = [BigInt(prompt_tokens_details.cached_tokens), BigInt(completion_tokens_details.reasoning_tokens)];
  const of = (...names: string[]): bigint => price[names.find((name) => price[name] !== undefined) as string] as bigint;
  const exact =
    (BigInt(prompt_tokens) - cached) * of('prompt') +
    cached * of('input_cache_read', 'prompt') +
    (BigInt(completion_tokens) - reasoning) * of('completion') +
    reasoning * of('internal_reasoning', 'completion');
  return (exact + 999n) / 1000n;
}

/** A decimal as an integer of its last place. */
export function scaled(text: string, places: number): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  if (fraction.replace(/0+$/, '').length > places) throw new Error(`finer than ${places} places: ${text}`);
  return BigInt(whole + fraction.slice(0, places).padEnd(places, '0'));
}

/** Nano-credits as the decimal that an amount of the API is. */
export const asCredits = (nano: bigint): string => `${nano / 10n ** 9n}.${(nano % 10n ** 9n).toString().padStart(9, '0')}`;

export const sumOf = (values: Iterable<bigint>): bigint => [...values].reduce((total, value) => total + value, 0n);

/** Audits accounts on what a stopped gateway has left on disk. */
export async function auditStopped(dataDir: string, accountIds: readonly string[]): Promise<AccountAudit[]> {
  const node = await startEventStoreNode({ dataDir: join(dataDir, 'event-store') });
  try {
    return await auditAt(node.connectionString, accountIds);
  } finally {
    await node.close();
  }
}

export async function auditAt(connectionString: string, accountIds: readonly string[]): Promise<AccountAudit[]> {
  const client = EventStoreDBClient.connectionString(connectionString);
  try {
    const audits: AccountAudit[] = [];
    for (const accountId of accountIds) audits.push(await auditAccount(client, accountId));
    return audits;
  } finally {
    await client.dispose();
  }
}

/** The id in the provider's answer by the generation that was settled with it. */
export function upstreamIdsOf(audits: readonly AccountAudit[]): string[] {
  return audits.flatMap(({ facts }) =>
    facts
      .filter(({ type }) => type === 'ReservationSettled')
      .flatMap(({ data }) => data.attempts.map((attempt: { upstreamId: string }) => attempt.upstreamId)),
  );
}
