/** The program in front of every provider's strict fake, each behind a relay that breaks its answers, and the ledger it writes. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from '@jest/globals';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { type Agent, request } from 'undici';
import { type Json, parsed } from '../e2e/http.js';
import { startFakeAnthropic } from '../support/fake-anthropic.js';
import { startFakeGemini } from '../support/fake-gemini.js';
import { startFakeUpstream } from '../support/fake-upstream.js';
import { ADMIN_TOKEN, type Gateway, PROVIDER_KEY, startGateway } from '../support/gateway.js';
import { type AccountAudit, auditAccount } from '../support/ledger-audit.js';
import { type FaultRelay, type RelayedCall, type Script, startFaultRelay } from '../support/provider-faults-relay.js';
import {
  type Classes,
  INPUT,
  jsonOf,
  KINDS,
  type Kind,
  OUTPUT,
  TEXTS,
  WIRES,
  type Wire,
} from '../support/provider-faults-wires.js';
import { scaled, until } from './traffic.js';

/** `acme` is a server that speaks OpenAI's chat completions, known from the configuration alone. */
export const PROVIDERS = [...KINDS, 'acme'] as const;
export type ProviderId = (typeof PROVIDERS)[number];

/** What goes wrong with one call. */
export interface Fault extends Script {
  /** The fake answers with its own error of this status. */
  readonly status?: number;
  readonly retryAfter?: string;
}

export interface World {
  readonly gateway: Gateway;
  readonly relays: Readonly<Record<ProviderId, FaultRelay>>;
  /** From now on the calls of a name fail so at a provider. @param faultOf the fault of its call of this number, from 0 */
  breaks(provider: ProviderId, name: string, faultOf: (number: number) => Fault | undefined): void;
  /** Publishes a model; throws where it is not taken. */
  publish(id: string, model: object): Promise<void>;
  /** The account as its events tell it, audited, once every one of its reservations has ended. */
  ledgerOf(userId: string): Promise<AccountAudit>;
  close(): Promise<void>;
}

/** Calls are named in their prompts. */
const nameIn = (body: string): string => /case-\d+-/.exec(body)?.[0] ?? '';

export async function startWorld(env: Readonly<Record<string, string>>): Promise<World> {
  const faults = new Map<string, (number: number) => Fault | undefined>();
  const faultOf = (provider: ProviderId, name: string, number: number) => faults.get(`${provider} ${name}`)?.(number);
  const relays = {} as Record<ProviderId, FaultRelay>;
  const said = (provider: ProviderId, body: unknown) => {
    const name = nameIn(JSON.stringify(body));
    // The relay has noted the call that it passes on.
    const { status, retryAfter } = faultOf(provider, name, relays[provider].callsOf(name).length - 1) ?? {};
    return { text: TEXTS, ...(status !== undefined && { status }), ...(retryAfter !== undefined && { retryAfter }) };
  };
  const openAiUsage = { promptTokens: 100, cachedTokens: INPUT.cache_read, completionTokens: OUTPUT.output_visible };
  const ofOpenAi = (provider: ProviderId, dialect: 'openai' | 'deepseek' = 'openai') =>
    startFakeUpstream({ behaviour: (body) => ({ ...said(provider, body), dialect, usage: openAiUsage }) });
  const fakes = {
    openai: await ofOpenAi('openai'),
    deepseek: await ofOpenAi('deepseek', 'deepseek'),
    acme: await ofOpenAi('acme'),
    anthropic: await startFakeAnthropic({
      behaviour: (body) => ({
        ...said('anthropic', body),
        usage: { input_tokens: INPUT.input_uncached, cache_read_input_tokens: INPUT.cache_read },
        finalUsage: { output_tokens: OUTPUT.output_visible },
      }),
    }),
    gemini: await startFakeGemini({
      behaviour: ({ requestBody }) => ({
        ...said('gemini', requestBody),
        usage: { promptTokenCount: 100, cachedContentTokenCount: 40, candidatesTokenCount: 7, totalTokenCount: 107 },
      }),
    }),
  };
  for (const provider of PROVIDERS) {
    const scriptOf = (name: string, number: number) => faultOf(provider, name, number);
    relays[provider] = await startFaultRelay({ to: fakes[provider].url, nameOf: nameIn, scriptOf });
  }
  const closeProviders = async () => {
    await Promise.all([...Object.values(relays), ...Object.values(fakes)].map((each) => each.close()));
  };
  const gateway = await startInFrontOf(relays, env).catch(async (error) => {
    await closeProviders();
    throw error;
  });
  const [address = ''] = (await readFile(join(gateway.dataDir, 'event-store/address'), 'utf8')).split('\n');
  const store = EventStoreDBClient.connectionString(address);

  return {
    gateway,
    relays,
    breaks: (provider, name, of) => void faults.set(`${provider} ${name}`, of),
    async publish(id, model) {
      const answer = await request(`${gateway.url}/api/v3/admin/models/${id}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: id, context_length: 10_000, max_completion_tokens: 1_000, ...model }),
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`${id} is not published: ${answer.statusCode} ${text}`);
    },
    ledgerOf: (userId) =>
      until(
        () => auditAccount(store, userId),
        (audit) => audit.reservations.size > 0 && audit.ended('open').length === 0,
      ),
    async close() {
      await store.dispose();
      await gateway.dispose();
      await closeProviders();
    },
  };
}

function startInFrontOf(relays: World['relays'], env: Readonly<Record<string, string>>): Promise<Gateway> {
  const { openai, deepseek, acme, anthropic, gemini } = relays;
  const compatible = [{ id: 'acme', name: 'Acme', base_url: acme.url, api_key_env: 'ACME_API_KEY' }];
  return startGateway({
    upstream: openai,
    anthropic,
    gemini,
    env: {
      LOG_LEVEL: 'error',
      DEEPSEEK_BASE_URL: deepseek.url,
      COMPATIBLE_PROVIDERS: JSON.stringify(compatible),
      ACME_API_KEY: PROVIDER_KEY,
      ...env,
    },
  });
}

export interface Asked {
  readonly key: string;
  readonly name: string;
  readonly stream: boolean;
  /** `model`, `models`, `provider` and whatever else. */
  readonly extra: object;
}

export interface Replied {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
  /** The error that the client is told, be it instead of an answer or at the end of one. */
  readonly error: Json;
}

export const promptOf = (name: string): string => `${name}: wie geits?`;
/** OpenAI's template: 3 tokens for the message and 3 for the start of the answer. */
export const promptTokensOf = (name: string): number => countTokens(promptOf(name)) + 6;

const bodyOf = ({ name, stream, extra }: Asked): string =>
  JSON.stringify({ stream, messages: [{ role: 'user', content: promptOf(name) }], ...extra });
const PATH = '/v1/chat/completions';

export async function askFor({ gateway }: World, agent: Agent, asked: Asked): Promise<Replied> {
  const { statusCode, headers, body } = await request(gateway.url + PATH, {
    dispatcher: agent,
    method: 'POST',
    headers: { authorization: `Bearer ${asked.key}`, 'content-type': 'application/json' },
    body: bodyOf(asked),
  });
  const text = await body.text();
  const frames = text.split('\n\n').map((frame) => jsonOf(frame));
  const error = parsed(text)?.error ?? frames.find((frame) => frame?.error)?.error;
  return { status: statusCode, retryAfter: headers['retry-after'] as string | undefined, text, error };
}

/** A client that hangs up once `when` resolves, and comes back when the gateway has seen it. @param when is given the text so far */
export async function askAndLeave(
  { gateway }: World,
  asked: Asked,
  when: (read: () => string) => Promise<unknown>,
): Promise<void> {
  const headers = { authorization: `Bearer ${asked.key}`, 'content-type': 'application/json' };
  const asking = httpRequest(gateway.url + PATH, { method: 'POST', headers, agent: new HttpAgent({ keepAlive: false }) });
  let text = '';
  asking.on('response', (response) => {
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    response.on('error', () => undefined);
  });
  asking.on('error', () => undefined);
  asking.end(bodyOf(asked));
  await when(() => text);
  const closed = new Promise((resolve) => asking.once('close', resolve));
  asking.destroy();
  await closed;
  // What is answered now was read after the end of that connection.
  for (let turn = 0; turn < 2; turn++) await (await fetch(`${gateway.url}/health/live`)).text();
}

/** What a call served, and what of it has to be estimated, by what the relay let out. @param wire of the provider that served it */
export function usageOf(wire: Wire, call: RelayedCall): { readonly told: Classes; readonly classes: Classes } {
  const events = call.sent.map(jsonOf).filter((event) => event !== undefined);
  const { input, output } = wire.told(events);
  const text = events.map((event) => wire.text(event)).join('');
  const estimate = {
    ...(input ? {} : { input_uncached: promptTokensOf(call.name) }),
    ...(output ? {} : { output_visible: countTokens(text) }),
  };
  return { told: { ...input, ...output }, classes: { ...input, ...output, ...estimate } };
}

/** As published: per token. */
export interface Prices {
  readonly prompt: string;
  readonly completion: string;
  readonly input_cache_read: string;
}

const PRICED_BY = { input_uncached: 'prompt', cache_read: 'input_cache_read', output_visible: 'completion' } as const;

/** Nano-credits: exactly what the published prices say, rounded up once. */
export function costOf(classes: Classes, prices: Prices): bigint {
  let exact = 0n;
  for (const [name, tokens] of Object.entries(classes))
    exact += BigInt(tokens) * scaled(prices[PRICED_BY[name as keyof typeof PRICED_BY]], 12);
  return (exact + 999n) / 1_000n;
}

/** The facts about the only reservation of an account. Throws where it is not one, or has not ended exactly once. */
export function onlyReservation(audit: AccountAudit): { reserved: Json; extensions: Json[]; end: { type: string; data: Json } } {
  const about = audit.facts.filter(({ data }) => data.reservationId !== undefined);
  const [reserved, ...others] = about;
  const end = others.pop();
  expect(reserved?.type).toBe('CreditsReserved');
  expect(['ReservationSettled', 'ReservationReleased']).toContain(end?.type);
  expect(others.filter(({ type }) => type !== 'ReservationExtended').map(({ type }) => type)).toEqual([]);
  expect(new Set(about.map(({ data }) => data.reservationId)).size).toBe(1);
  return { reserved: reserved?.data, extensions: others.map(({ data }) => data), end: end as { type: string; data: Json } };
}

export const wireOf = (provider: ProviderId): Wire => WIRES[provider === 'acme' ? 'openai' : (provider as Kind)];

export const withoutZeros = (classes: Classes): Classes => Object.fromEntries(Object.entries(classes).filter(([, n]) => n !== 0));

/** Runs jobs, so many at once. */
export async function inTurn<T>(items: readonly T[], atOnce: number, job: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await job(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
