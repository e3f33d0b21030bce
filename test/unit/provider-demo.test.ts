import { describe, expect, test } from '@jest/globals';
import { completionTokens, promptTokens } from '../../src/pricing/index.js';
import { type ChatCall, type ChatObject, type ChatStream, Routing } from '../../src/providers/index.js';

const timeouts = { connectTimeoutMs: 100, idleTimeoutMs: 100 };
const demo = new Routing(timeouts).open([{ provider: 'openai', upstreamModel: 'gpt-4o' }])[0];
const call = (changed: Partial<ChatCall> = {}): ChatCall => ({
  upstreamModel: 'gpt-4o',
  request: { messages: [{ role: 'user', content: 'Where is Zürich?' }] },
  supportedParameters: [],
  outputTokensMax: undefined,
  reasoning: undefined,
  ...changed,
});
const complete = async (changed: Partial<ChatCall> = {}) => {
  const chat = await demo?.provider.complete(call(changed));
  const choice = (chat?.completion.choices as { message: { content: string }; finish_reason: string }[] | undefined)?.[0];
  return { ...chat, content: choice?.message.content ?? '', finishReason: choice?.finish_reason };
};

describe('routing', () => {
  test('with no key at all leads to the demo provider, for every model', () => {
    expect([demo?.provider.id, demo?.route.upstreamModel]).toEqual(['demo', 'gpt-4o']);
    expect(new Routing({ ...timeouts, openai: { apiKey: ' ' } }).open([]).map(({ provider }) => provider.id)).toEqual(['demo']);
  });

  test('opens the routes whose provider has a key, in their order', () => {
    const routing = new Routing({ ...timeouts, deepseek: { apiKey: 'k' } });
    const routes = [
      { provider: 'openai', upstreamModel: 'a' },
      { provider: 'deepseek', upstreamModel: 'b' },
    ];
    expect(routing.open(routes)).toMatchObject([
      { provider: { id: 'deepseek', name: 'DeepSeek' }, route: { upstreamModel: 'b' } },
    ]);
    expect(routing.open(routes.slice(0, 1))).toEqual([]);
    expect(routing.providers.map(({ id }) => id)).toEqual(['deepseek']);
    const both = new Routing({ ...timeouts, openai: { apiKey: 'k' }, deepseek: { apiKey: 'k' } });
    expect(both.open([...routes].reverse()).map(({ provider }) => provider.id)).toEqual(['deepseek', 'openai']);
  });

  test('knows compatible servers from the configuration alone', () => {
    const compatible = [{ id: 'vllm', name: 'vLLM', baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'k' }];
    const [open] = new Routing({ ...timeouts, compatible }).open([{ provider: 'vllm', upstreamModel: 'qwen' }]);
    expect(open).toMatchObject({ provider: { id: 'vllm', name: 'vLLM' }, route: { upstreamModel: 'qwen' } });
  });
});

describe('the demo provider', () => {
  test('answers what was asked, the same each time', async () => {
    const { content, finishReason, usage } = await complete();
    expect(content).toMatch(/^You asked: “Where is Zürich\?”\. .*OPENAI_API_KEY/);
    expect(finishReason).toBe('stop');
    expect(usage?.usage).toEqual({
      input_uncached: Math.ceil(17 / 4),
      output_visible: Math.ceil(Buffer.byteLength(content) / 4),
    });
    expect((await complete()).content).toBe(content);
  });

  test.each([1, 2, 7, 10_000])('keeps to a limit of %i tokens', async (limit) => {
    const { usage, finishReason } = await complete({ outputTokensMax: limit });
    expect(completionTokens(usage?.usage ?? {})).toBeLessThanOrEqual(limit);
    expect(completionTokens(usage?.usage ?? {})).toBeGreaterThan(0);
    expect(finishReason).toBe(limit < 1000 ? 'length' : 'stop');
  });

  test('has an answer to nothing', async () => {
    const { usage, content } = await complete({ request: { messages: [] } });
    expect(promptTokens(usage?.usage ?? {})).toBe(1);
    expect(content).toMatch(/^Hello\./);
  });

  function stream(onChunk: (count: number, stream: ChatStream | undefined) => void = () => undefined) {
    const chunks: ChatObject[] = [];
    const told: string[] = [];
    let handle: ChatStream | undefined;
    const over = new Promise<void>((resolve, reject) => {
      const sink = {
        chunk: (chunk: ChatObject) => {
          chunks.push(chunk);
          onChunk(chunks.length, handle);
        },
        text: () => reject(new Error('the demo provider sends whole chunks')),
        usage: () => void told.push('usage'),
        end: (complete: boolean) => {
          told.push(`end ${complete}`);
          resolve();
        },
        fail: reject,
      };
      demo?.provider.stream(call(), sink).then((started) => {
        handle = started;
      }, reject);
    });
    return { chunks, told, over };
  }

  test('streams word by word', async () => {
    const { chunks, told, over } = stream();
    await over;
    const deltas = chunks.map((chunk) => (chunk.choices as { delta: { content?: string } }[])[0]?.delta.content ?? '');
    expect(deltas.join('')).toBe((await complete()).content);
    expect(chunks.length).toBeGreaterThan(10);
    expect(told).toEqual(['usage', 'end true']);
  });

  test('pauses and resumes', async () => {
    let pausedAt = 0;
    const other = stream();
    const { chunks, over } = stream((count, handle) => {
      if (count !== 3) return;
      handle?.pause();
      // Another stream from its beginning to its end is longer than this one would have taken.
      other.over.then(() => {
        pausedAt = chunks.length;
        handle?.resume();
      });
    });
    await over;
    expect(pausedAt).toBe(3);
    expect(chunks.length).toBe(other.chunks.length);
  });

  test('aborts', async () => {
    const { chunks, told } = stream((count, handle) => count === 2 && handle?.abort());
    await stream().over;
    expect([chunks.length, told]).toEqual([2, []]);
  });
});
