/**
 * The official clients, unmodified, against the running gateway: each case with each provider behind it. At the end the matrix is
 * printed, and the ledger must equal the providers' own logs to the nano-credit.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { auditStopped, sumOf } from '../faults/traffic.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { aiSdk } from './conformance/ai-sdk.js';
import { anthropicSdk } from './conformance/anthropic-sdk.js';
import type { Access, Client, Question, Told } from './conformance/client.js';
import { langChainChat, langChainResponses } from './conformance/langchain.js';
import { costOf, publishedPricing, settlementsIn } from './conformance/ledger.js';
import { CASES, type Case, Matrix } from './conformance/matrix.js';
import { openAiChat } from './conformance/openai-chat.js';
import { openAiResponses } from './conformance/openai-responses.js';
import { openRouterSdk } from './conformance/openrouter-sdk.js';
import {
  AFTER_TOOL,
  FIGURES,
  HELD_AFTER,
  prompt,
  type SceneName,
  STRUCTURED,
  TEXT,
  THOUGHTS,
  WEATHER,
} from './conformance/scenes.js';
import {
  asksForSchema,
  bringsReasoningBack,
  startUpstreams,
  UPSTREAMS,
  type UpstreamName,
  type Upstreams,
} from './conformance/upstreams.js';
import { balanceOf, eventually, type Json, rejectionOf } from './http.js';

const CLIENTS = [openAiChat, openAiResponses, openRouterSdk, aiSdk, anthropicSdk, langChainChat, langChainResponses];

interface Models {
  readonly answers: string;
  readonly reasons: string;
  /** Those that are asked for an answer by a schema, where they are told in different ways. */
  readonly structures?: readonly string[];
}
const MODELS: Readonly<Record<UpstreamName, Models>> = {
  openai: { answers: 'openai/gpt-4o-mini', reasons: 'openai/o4-mini' },
  anthropic: {
    answers: 'anthropic/claude-haiku-4.5',
    reasons: 'anthropic/claude-haiku-4.5',
    structures: ['anthropic/claude-haiku-4.5', 'anthropic/claude-sonnet-5'],
  },
  gemini: { answers: 'google/gemini-3-flash-preview', reasons: 'google/gemini-3-flash-preview' },
  deepseek: { answers: 'deepseek/deepseek-chat', reasons: 'deepseek/deepseek-reasoner' },
};
const STRANGER = 'sk-mcp-nobody00-0123456789abcdefghijklmnop';
/** What each provider says to a refused request: it is for the client. */
const REFUSALS = {
  openai: 'Invalid type for',
  anthropic: 'Failed with 400',
  gemini: 'Google says 400',
  deepseek: 'Invalid type for',
};

const matrix = new Matrix();
let upstreams: Upstreams;
let gateway: Gateway;
let customer: Customer;
let poor: Customer;

beforeAll(async () => {
  upstreams = await startUpstreams();
  const { openai, anthropic, gemini } = upstreams;
  gateway = await startGateway({ upstream: openai, anthropic, gemini, env: { LOG_LEVEL: 'warn' } });
  customer = await gateway.admin.openCustomer({ credits: 1_000 });
  poor = await gateway.admin.openCustomer({ credits: 0 });
});
afterAll(async () => {
  process.stdout.write(`\n${matrix.print(CLIENTS)}\n\n`);
  await gateway?.dispose();
  await upstreams?.close();
});

const access = (apiKey = customer.key): Access => ({ url: gateway.url, apiKey });
const nanoSpent = async () => Math.round((await balanceOf(gateway, customer.key)).total_spent * 1e9);

/** Asks and checks the money: what the client was told that it cost is what the account has spent. */
async function converse(client: Client, question: Question): Promise<Told> {
  const before = await nanoSpent();
  const told = await client.converse(access(), question);
  const spent = (await nanoSpent()) - before;
  const costs = told.usage.flatMap(({ cost }) => cost ?? []);
  expect(spent).toBeGreaterThan(0);
  if (costs.length > 0) expect(costs.reduce((sum, cost) => sum + Math.round(cost * 1e9), 0)).toBe(spent);
  return told;
}

const cases: Readonly<Record<Case, (client: Client, upstream: UpstreamName) => Promise<void>>> = {
  plain: (client, upstream) => answersPlainly(client, upstream, false),
  streaming: (client, upstream) => answersPlainly(client, upstream, true),

  async tools(client, upstream) {
    for (const stream of [false, true]) {
      const told = await converse(client, { ...asked('tools', upstream), tools: true, stream });
      expect(told).toMatchObject({ text: AFTER_TOOL.join(''), toolInputs: [WEATHER.input] });
      expect(told.usage.map(({ input, output }) => [input, output])).toEqual([TOTALS, TOTALS]);
      const { requestBody } = lastCall(upstream);
      expect(JSON.stringify(requestBody)).toContain(WEATHER.result);
    }
  },

  async structured(client, upstream) {
    const { answers, structures = [answers] } = MODELS[upstream];
    for (const stream of [false, true]) {
      for (const model of structures) {
        const told = await converse(client, { ...asked('json', upstream), model, structured: true, stream });
        expect(told.object).toEqual(STRUCTURED.answer);
        expect(asksForSchema(upstream, lastCall(upstream).requestBody)).toBe(true);
      }
    }
  },

  async reasoning(client, upstream) {
    const thought = upstream === 'openai' ? '' : THOUGHTS.join('');
    const streamed = await converse(client, { ...reasoned('think', upstream), stream: true });
    expect(streamed).toMatchObject({ text: TEXT.join(''), reasoning: thought });
    const told = await converse(client, { ...reasoned('reason', upstream), tools: true });
    expect(told).toMatchObject({ text: AFTER_TOOL.join(''), reasoning: thought, toolInputs: [WEATHER.input] });
    expect([streamed, told].map(({ usage }) => usage[0]?.reasoning)).toEqual([FIGURES.reasoning, FIGURES.reasoning]);
    expect(bringsReasoningBack(upstream, lastCall(upstream).requestBody)).toBe(true);
  },

  async error(client, upstream) {
    const before = await nanoSpent();
    const unknown = { ...asked('plain', upstream), model: 'nobody/nothing' };
    const refused: [string, Question, number, string][] = [
      [STRANGER, asked('plain', upstream), 401, 'Invalid API key'],
      [poor.key, asked('plain', upstream), 402, 'Insufficient credits. It can cost up to'],
      [customer.key, unknown, 400, 'nobody/nothing'],
      [customer.key, asked('refused', upstream), 400, REFUSALS[upstream]],
    ];
    for (const stream of [false, true]) {
      for (const [key, question, status, message] of refused) {
        const error: Json = await rejectionOf(client.converse(access(key), { ...question, stream }));
        expect([client.statusOf(error), error.message]).toEqual([status, expect.stringContaining(message)]);
      }
    }
    expect(await nanoSpent()).toBe(before);
  },

  async abort(client, upstream) {
    const before = await nanoSpent();
    await client.leave(access(), { ...asked('hold', upstream), stream: true }, TEXT.slice(0, HELD_AFTER).join(''));
    const call = lastCall(upstream);
    if (upstream === 'gemini') upstreams.release();
    await call.ended;
    expect(lastCall(upstream).endedBy).toBe(upstream === 'gemini' ? 'complete' : 'client_gone');
    await eventually(async () => expect(await nanoSpent()).toBeGreaterThan(before));
  },
};

const TOTALS = [FIGURES.input, FIGURES.output];
const asked = (scene: SceneName, upstream: UpstreamName): Question => ({
  model: MODELS[upstream].answers,
  prompt: prompt(scene),
});
const reasoned = (scene: SceneName, upstream: UpstreamName): Question => ({
  model: MODELS[upstream].reasons,
  prompt: prompt(scene),
  reasoning: true,
});

function lastCall(upstream: UpstreamName) {
  const call = upstreams.calls(upstream).at(-1);
  if (call === undefined) throw new Error(`${upstream} was not called`);
  return call;
}

async function answersPlainly(client: Client, upstream: UpstreamName, stream: boolean): Promise<void> {
  const told = await converse(client, { ...asked('plain', upstream), stream });
  expect(told.text).toBe(TEXT.join(''));
  expect(told.usage.map(({ input, output }) => [input, output])).toEqual([TOTALS]);
}

describe.each(CLIENTS.map((client) => [client.name, client] as const))('%s', (_, client) => {
  describe.each(CASES)('%s', (what) => {
    for (const upstream of UPSTREAMS) {
      const why = client.cannot?.[what];
      if (why !== undefined) matrix.cannot(client, what, upstream, why);
      else test(`with ${upstream}`, () => matrix.run(client, what, upstream, () => cases[what](client, upstream)));
    }
  });
});

test('the ledger equals the logs of the providers, generation by generation', async () => {
  const pricing = await publishedPricing(gateway);
  expect(await gateway.stop()).toBe(0);
  const audits = await auditStopped(gateway.dataDir, [customer.userId, poor.userId]);
  expect(audits.flatMap((audit) => audit.ended('open'))).toEqual([]);
  const calls = UPSTREAMS.flatMap((upstream) => upstreams.calls(upstream));
  const served = calls.filter(({ status }) => status === 200);
  expect(audits.flatMap((audit) => audit.ended('released'))).toHaveLength(calls.length - served.length);
  const settlements = settlementsIn(audits);
  const byId = new Map(settlements.map((settlement) => [settlement.upstreamId, settlement]));
  const billed = served.map((call) => {
    const { model = '', pricedAt = new Date(0), charged } = byId.get(call.id) ?? {};
    return { call: call.id, model, charged, expected: costOf(call, pricing.get(model), pricedAt) };
  });
  expect(billed.filter(({ charged, expected }) => charged !== expected)).toEqual([]);
  expect([byId.size, settlements.length]).toEqual([served.length, served.length]);
  expect(sumOf(audits.map(({ spent }) => spent))).toBe(sumOf(billed.map(({ expected }) => expected)));
});

test('every cell of the matrix has run', () => {
  expect(matrix.open(CLIENTS)).toEqual([]);
});
