/** The traps of OpenAI's wire and of DeepSeek's, on real sockets against an upstream that refuses what theirs refuse. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { HttpProvider } from '../../src/providers/http/http-provider.js';
import type { OpenAiDialect } from '../../src/providers/openai/dialect.js';
import { openAiWire } from '../../src/providers/openai/openai-wire.js';
import type {
  ChatCall,
  ChatMessage,
  ChatObject,
  EmbeddingCall,
  ProviderError,
  ReportedUsage,
} from '../../src/providers/provider.js';
import { outputPlan } from '../../src/providers/reasoning.js';
import { type Behaviour, type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function served(dialect: OpenAiDialect, behaviour: Behaviour = {}) {
  const upstream = await startFakeUpstream({ behaviour: () => ({ ...(dialect === 'deepseek' && { dialect }), ...behaviour }) });
  const settings = { id: dialect, name: 'Provider', apiKey: 'sk-test', baseUrl: upstream.url };
  const provider = new HttpProvider({ ...settings, connectTimeoutMs: 5_000, idleTimeoutMs: 5_000 }, openAiWire(dialect));
  closing.push(
    () => upstream.close(),
    () => provider.close(),
  );
  return { upstream, provider };
}

const SAMPLING = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty'];
const TOOL = { type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } };

function callOf(upstreamModel: string, asked: object, reasons = false): ChatCall {
  const request = { messages: [{ role: 'user', content: 'Hi' }] as ChatMessage[], ...asked };
  const reasoning = reasons ? { reasoning: { mandatory: false, supportsMaxTokens: false } } : {};
  const plan = outputPlan(request, 4_096, { maxCompletionTokens: 8_192, ...reasoning });
  return { upstreamModel, request, supportedParameters: [...SAMPLING, 'tools', 'prediction', 'stop'], ...plan };
}
const OPENAI = callOf('gpt-4o', {});
const DEEPSEEK = callOf('deepseek-v4', {}, true);

interface Streamed {
  readonly chunks: readonly ChatObject[];
  readonly usage: ReportedUsage | undefined;
  readonly complete: boolean;
}

function streamed(provider: HttpProvider, call: ChatCall): Promise<Streamed> {
  const chunks: ChatObject[] = [];
  let usage: ReportedUsage | undefined;
  return new Promise((resolve, reject) => {
    const sink = {
      chunk: (chunk: ChatObject) => void chunks.push(chunk),
      text: (index: number, content: string) =>
        void chunks.push({ choices: [{ index, delta: { content: JSON.parse(content) } }] }),
      usage: (reported: ReportedUsage) => {
        usage = reported;
      },
      end: (complete: boolean) => resolve({ chunks, usage, complete }),
      fail: reject,
    };
    provider.stream(call, sink).catch(reject);
  });
}

const choicesOf = (chunk: ChatObject) =>
  chunk['choices'] as { delta: ChatObject; finish_reason: string; native_finish_reason?: string }[];
const deltasOf = ({ chunks }: Streamed) => chunks.flatMap((chunk) => choicesOf(chunk).map(({ delta }) => delta));
const textOf = (deltas: readonly ChatObject[], name: string) => deltas.map((delta) => delta[name] ?? '').join('');
const bodiesOf = ({ calls }: FakeUpstream) => calls.map(({ requestBody }) => requestBody);
const failed = (answer: Promise<unknown>): Promise<ProviderError> =>
  answer.then(
    () => {
      throw new Error('answered');
    },
    (error: ProviderError) => error,
  );

describe("OpenAI's chunks", () => {
  test.each([{}, { stream_options: { include_usage: false } }, { stream_options: { include_obfuscation: true } }])(
    'come with usage whatever the client asks: %j',
    async (asked) => {
      const { provider, upstream } = await served('openai');
      const { usage } = await streamed(provider, callOf('gpt-4o', asked));
      expect(usage).toEqual({ usage: { input_uncached: 8, output_visible: 3 }, anomalies: [] });
      expect(bodiesOf(upstream)).toEqual([expect.objectContaining({ stream_options: { include_usage: true } })]);
    },
  );

  test('lose the null that stands for usage, the padding, and the chunk that is nothing but usage', async () => {
    const { provider } = await served('openai');
    const { chunks, complete } = await streamed(provider, OPENAI);
    expect([chunks.length, complete]).toEqual([5, true]);
    for (const chunk of chunks) {
      expect(Object.keys(chunk)).not.toEqual(expect.arrayContaining(['usage']));
      expect(Object.keys(chunk)).not.toEqual(expect.arrayContaining(['obfuscation']));
      expect(choicesOf(chunk)).toHaveLength(1);
    }
  });
});

describe("OpenAI's reasoning models", () => {
  const sampled = { temperature: 0.5, top_p: 0.5, presence_penalty: 1, frequency_penalty: 1 };

  test.each(['o3', 'o4-mini', 'gpt-5-nano', 'gpt-5.1', 'codex-mini'])('%s: a limit by its name, no sampling', async (model) => {
    const { provider, upstream } = await served('openai');
    const call = callOf(model, { ...sampled, max_tokens: 100, reasoning: { effort: 'low' } }, true);
    await provider.complete(call);
    const [{ messages: _, ...sent } = {}] = bodiesOf(upstream);
    expect(sent).toEqual({ model, stream: false, max_completion_tokens: 4_096, reasoning_effort: 'low' });
  });

  test('other models get both', async () => {
    const { provider, upstream } = await served('openai');
    await provider.complete(callOf('gpt-4o', sampled));
    expect(bodiesOf(upstream)).toEqual([expect.objectContaining({ ...sampled, max_tokens: 4_096 })]);
  });
});

describe('usage', () => {
  test("OpenAI's writes to its cache have a class of their own, at once and in a stream", async () => {
    const figures = { promptTokens: 100, completionTokens: 20, cachedTokens: 30, cacheWriteTokens: 50, reasoningTokens: 5 };
    const { provider } = await served('openai', { usage: figures });
    const usage = { input_uncached: 20, cache_read: 30, cache_write_5m: 50, output_visible: 15, output_reasoning: 5 };
    expect((await provider.complete(OPENAI)).usage).toEqual({ usage, anomalies: [] });
    expect((await streamed(provider, OPENAI)).usage).toEqual({ usage, anomalies: [] });
  });

  test("a prediction's rejected tokens are in the completion's, and charged once", async () => {
    const completion_tokens_details = { reasoning_tokens: 0, accepted_prediction_tokens: 4, rejected_prediction_tokens: 6 };
    const { provider, upstream } = await served('openai', {
      usage: { completionTokens: 12 },
      usageExtra: { completion_tokens_details },
    });
    const { usage } = await provider.complete(callOf('gpt-4o', { prediction: { type: 'content', content: 'word' } }));
    expect(usage).toEqual({ usage: { input_uncached: 8, output_visible: 12 }, anomalies: [] });
    expect(upstream.calls[0]?.usage).toMatchObject({ completion_tokens: 12 });
  });

  test.each<[string, Record<string, unknown>]>([
    ['both ways', {}],
    ['as hits and misses alone', { prompt_tokens_details: undefined }],
    ['with nothing of the cache in the details', { prompt_tokens_details: {} }],
  ])("DeepSeek's cache is counted once where it is told %s", async (_, usageExtra) => {
    const figures = { promptTokens: 100, completionTokens: 20, cachedTokens: 64, reasoningTokens: 15 };
    const { provider } = await served('deepseek', { usage: figures, usageExtra });
    const usage = { input_uncached: 36, cache_read: 64, output_visible: 5, output_reasoning: 15 };
    expect((await provider.complete(DEEPSEEK)).usage).toEqual({ usage, anomalies: [] });
  });
});

describe('DeepSeek', () => {
  const reasoned = { reasoning: ['so ', 'it is'], text: ['Yes', '.'] };

  test('its reasoning has the canonical names, in a stream', async () => {
    const { provider } = await served('deepseek', reasoned);
    const deltas = deltasOf(await streamed(provider, DEEPSEEK));
    expect([textOf(deltas, 'reasoning'), textOf(deltas, 'content')]).toEqual(['so it is', 'Yes.']);
    expect(deltas.flatMap((delta) => delta['reasoning_details'] ?? [])).toEqual([
      { type: 'reasoning.text', text: 'so ', format: 'unknown', index: 0 },
      { type: 'reasoning.text', text: 'it is', format: 'unknown', index: 0 },
    ]);
    expect(JSON.stringify(deltas)).not.toContain('reasoning_content');
  });

  test('its reasoning has the canonical names, at once', async () => {
    const { provider } = await served('deepseek', reasoned);
    const { completion } = await provider.complete(DEEPSEEK);
    const reasoning_details = [{ type: 'reasoning.text', text: 'so it is', format: 'unknown', index: 0 }];
    expect(completion).toMatchObject({ choices: [{ message: { content: 'Yes.', reasoning: 'so it is', reasoning_details } }] });
    expect(JSON.stringify(completion)).not.toContain('reasoning_content');
  });

  test('takes a conversation with tools back as the client was given it, in either form of the reasoning or without', async () => {
    const { provider, upstream } = await served('deepseek', {
      ...reasoned,
      toolCalls: [{ name: 'get_weather', arguments: '{}' }],
    });
    const first = await provider.complete(callOf('deepseek-v4', { tools: [TOOL] }, true));
    const [{ message }] = first.completion['choices'] as [{ message: ChatMessage }];
    const { reasoning, reasoning_details, ...bare } = message;
    const given = [{ ...bare, reasoning }, { ...bare, reasoning_details }, message, bare];
    const result = { role: 'tool', tool_call_id: 'call_0', content: 'sunny' };
    for (const answered of given) {
      const messages = [{ role: 'user', content: 'Hi' }, answered, result];
      await provider.complete(callOf('deepseek-v4', { messages, tools: [TOOL] }, true));
    }
    const back = bodiesOf(upstream)
      .slice(1)
      .map(({ messages }) => (messages[1] as unknown as ChatObject)['reasoning_content']);
    expect(back).toEqual(['so it is', 'so it is', 'so it is', '']);
  });

  test('thinks by effort, or not at all', async () => {
    const { provider, upstream } = await served('deepseek');
    for (const effort of ['medium', 'none'])
      await provider.complete(callOf('deepseek-v4', { reasoning: { effort }, temperature: 0.2 }, true));
    expect(bodiesOf(upstream)).toEqual([
      expect.objectContaining({ reasoning_effort: 'high', temperature: 0.2 }),
      expect.objectContaining({ thinking: { type: 'disabled' } }),
    ]);
  });

  test('giving up for want of resources is an error, at once and in a stream', async () => {
    const { provider } = await served('deepseek', { finishReason: 'insufficient_system_resource' });
    const told = { finish_reason: 'error', native_finish_reason: 'insufficient_system_resource' };
    expect((await provider.complete(DEEPSEEK)).completion).toMatchObject({ choices: [told] });
    expect((await streamed(provider, DEEPSEEK)).chunks.at(-1)).toMatchObject({ choices: [told] });
  });

  test('its comments and blank lines while it queues are nothing, at once and in a stream', async () => {
    const stream = await served('deepseek', { ...reasoned, comments: true, lineEnd: '\r\n' });
    const answer = await streamed(stream.provider, DEEPSEEK);
    expect([textOf(deltasOf(answer), 'content'), answer.complete]).toEqual(['Yes.', true]);
    const body = `\n\n\n${JSON.stringify({ choices: [{ index: 0, message: { content: 'Yes.' }, finish_reason: 'stop' }] })}`;
    const atOnce = await served('deepseek', { body });
    expect((await atOnce.provider.complete(DEEPSEEK)).completion).toMatchObject({ choices: [{ message: { content: 'Yes.' } }] });
  });

  test('is not sent what it cannot see: the client is told which part', async () => {
    const { provider, upstream } = await served('deepseek');
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
    const call = callOf('deepseek-v4', { messages: [{ role: 'user', content: [{ type: 'text', text: 'See' }, image] }] });
    for (const refused of [await failed(provider.complete(call)), await failed(streamed(provider, call))]) {
      expect(refused).toMatchObject({
        ...{ failure: 'refused', message: 'This model reads text only, not image_url.' },
        details: { status: 0, param: 'messages[0].content[1]' },
      });
    }
    expect(upstream.calls).toEqual([]);
  });
});

test('images, sound and files go to OpenAI in its own form, which takes them, and its refusals come back in its own words', async () => {
  const { provider, upstream } = await served('openai');
  const content = [
    { type: 'text', text: 'See', cache_control: { type: 'ephemeral' } },
    { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA==' } },
  ];
  await provider.complete(callOf('gpt-4o', { messages: [{ role: 'user', content }] }));
  expect(upstream.calls[0]?.requestBody.messages[0]?.content).toEqual([{ type: 'text', text: 'See' }, ...content.slice(1)]);
  const film = [{ type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } }];
  expect(await failed(provider.complete(callOf('gpt-4o', { messages: [{ role: 'user', content: film }] })))).toMatchObject({
    ...{ failure: 'refused', message: "Invalid value: 'video_url'." },
    details: { status: 400, param: 'messages[0].content[0].type', code: 'invalid_value' },
  });
});

describe('embeddings', () => {
  const call = (input: EmbeddingCall['input'], more: Partial<EmbeddingCall> = {}) => ({
    upstreamModel: 'text-embedding-3-small',
    input,
    ...more,
  });
  const embed = ({ provider }: { provider: HttpProvider }, asked: EmbeddingCall) =>
    provider.embed?.(asked) ?? Promise.reject(new Error('has no embeddings'));

  test.each(['openai', 'compatible'] as const)(
    '%s: one vector for each text, in its order, and the prompt as usage',
    async (dialect) => {
      const one = await served(dialect);
      expect(await embed(one, call(['aaaa', 'b', 'ccccccccc']))).toEqual({
        vectors: [
          [4, -0.5, -0.5],
          [1, -0.5, -0.5],
          [9, -0.5, -0.5],
        ],
        usage: { usage: { input_uncached: 5 }, anomalies: [] },
      });
      const body = { model: 'text-embedding-3-small', input: ['aaaa', 'b', 'ccccccccc'], encoding_format: 'float' };
      expect(one.upstream.embeddingCalls.map(({ requestBody }) => requestBody)).toEqual([body]);
    },
  );

  test('of tokens, as short as asked', async () => {
    const one = await served('openai');
    expect((await embed(one, call([[1, 2, 3]], { dimensions: 2 }))).vectors).toEqual([[3, -0.5]]);
    expect(one.upstream.embeddingCalls[0]?.requestBody).toMatchObject({ input: [[1, 2, 3]], dimensions: 2 });
  });

  test('DeepSeek has none', async () => {
    expect((await served('deepseek')).provider.embed).toBeUndefined();
  });

  test('without figures have no usage', async () => {
    expect((await embed(await served('openai'), call(['[[no-usage]]']))).usage).toBeUndefined();
  });

  test('fail as completions do', async () => {
    const one = await served('openai');
    expect(await failed(embed(one, call(['[[status=429]]'])))).toMatchObject({
      failure: 'rate_limited',
      details: { status: 429 },
    });
  });

  const answer = (json: object, texts = 1) =>
    openAiWire('openai').embeddings?.answer(json as ChatObject, call(Array<string>(texts).fill('a')));

  test.each<[string, object]>([
    ['no list', {}],
    ['too few vectors', { data: [] }],
    ['too many vectors', { data: [{ embedding: [1] }, { embedding: [1] }] }],
    ['an empty vector', { data: [{ embedding: [] }] }],
    ['a vector in base64', { data: [{ embedding: 'AACAPw==' }] }],
    ['a vector with a hole', { data: [{ embedding: [1, null] }] }],
    ['an index of no text', { data: [{ index: 1, embedding: [1] }] }],
    ['an index that is none', { data: [{ index: 0.5, embedding: [1] }] }],
    ['null', { data: [null] }],
  ])('that hold %s are no answer', (_, json) => {
    expect(answer(json)).toBeUndefined();
  });

  test('of the same index twice are no answer', () => {
    const each = { index: 0, embedding: [1] };
    expect(answer({ data: [each, each] }, 2)).toBeUndefined();
  });

  test('have figures that cannot be right named', () => {
    const data = [{ index: 0, embedding: [1] }];
    expect(answer({ data, usage: { prompt_tokens: -1 } })?.usage).toEqual({ usage: {}, anomalies: ['prompt_tokens:negative'] });
    expect(answer({ data, usage: {} })?.usage).toEqual({ usage: {}, anomalies: ['prompt_tokens:missing'] });
  });
});
