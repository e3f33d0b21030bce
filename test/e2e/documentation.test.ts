/** Every sample of the public documentation runs as it is printed there. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  clientOf,
  printed,
  pythonLacks,
  type Ran,
  type Reader,
  runModule,
  runPython,
  runShell,
  sample,
} from '../support/documentation/samples.js';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ask, chat } from './http.js';

const ANSWER = 'I am a model of the tests – “gpt-5-nano”.';
const STORY = ['Once ', 'upon a ', 'time, naïve ', '🦊 ', 'lived.'];
const STRANGER = 'sk-mcp-nobody00-0123456789abcdefghijklmnop';
/** Three days ahead, at midnight: within the documented seven. */
const EXPIRY = `${new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)}T00:00:00`;

let upstream: FakeUpstream;
let gateway: Gateway;
let reader: Reader & Customer;

beforeAll(async () => {
  upstream = await startFakeUpstream({
    behaviour: ({ stream, messages }) => {
      if (messages.at(-1)?.content === 'Tell me a story') return { text: STORY };
      return messages.at(-1)?.content === 'Hello! What model are you?' && !stream ? { text: [ANSWER] } : undefined;
    },
  });
  gateway = await startGateway({ upstream });
  reader = {
    url: gateway.url,
    ...(await gateway.admin.openCustomer({ username: 'your-username', tier: 'free', credits: 150.5 })),
  };
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const printsNothingElse = ({ stdout, stderr, exitCode }: Ran, expected: string) =>
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: expected, stderr: '', exitCode: 0 });

/** A test for the Python samples that need a module; skipped by name, and said aloud, where Python lacks it. */
function itInPython(module: string): typeof it | typeof it.skip {
  const lack = pythonLacks(module);
  if (lack === undefined) return it;
  process.stderr.write(`SKIPPED: documentation samples in Python with "${module}": ${lack}\n`);
  return it.skip;
}

describe('chat completions', () => {
  it('answers curl', async () => {
    const { stdout, exitCode } = await runShell(await sample('chat.sh', reader));
    expect(exitCode).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'openai/gpt-5-nano' });
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: ANSWER, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
        native_finish_reason: 'stop',
      },
    ]);
  });

  it('answers the openai client in TypeScript', async () => {
    printsNothingElse(await runModule(await sample('chat.ts', reader)), `${ANSWER}\n`);
  });

  it('streams to the openai client in TypeScript', async () => {
    const program = clientOf(await sample('chat.ts', reader)) + (await sample('streaming.ts', reader));
    printsNothingElse(await runModule(program), STORY.join(''));
  });

  itInPython('requests')('answers requests in Python', async () => {
    printsNothingElse(await runPython(await sample('chat-requests.py', reader)), `${ANSWER}\n`);
  });

  itInPython('openai')('answers the openai client in Python', async () => {
    printsNothingElse(await runPython(await sample('chat.py', reader)), `${ANSWER}\n`);
  });

  it.each([
    'gpt-5-nano',
    'openai/gpt-4o',
    'openai/gpt-4o-mini',
    'claude-3-5-sonnet-20240620',
    'gemini-2.0-flash',
    'deepseek-chat',
  ])('knows the example model %s', async (name) => {
    const { data } = (await ask(gateway, '/v1/models')).json;
    const { status, json } = await ask(gateway, `/v1/models/${name}`);
    expect(status).toBe(200);
    expect(data).toContainEqual(json);
  });
});

describe('errors', () => {
  it('says that a key is invalid in the documented words, and no others', async () => {
    const documented = JSON.parse(await printed('error.json'));
    const { status, text } = await ask(gateway, '/v1/chat/completions', { key: STRANGER, body: chat('Hello!') });
    expect(status).toBe(401);
    expect(text).toBe(JSON.stringify(documented));
  });

  itInPython('openai')('reach the Python sample in the words that it looks for', async () => {
    const program = async (key: string) =>
      clientOf(await sample('chat.py', { ...reader, key })) + (await sample('errors.py', reader));
    expect((await runPython(await program(STRANGER))).stdout).toMatch(/^Error: .*\nCheck your API key\n$/);
    printsNothingElse(await runPython(await program(reader.key)), 'word word word \n');
  });

  it('hold the words that the Python sample looks for', async () => {
    const { text } = await ask(gateway, '/v1/chat/completions', { key: STRANGER, body: chat('Hello!') });
    expect(text.toLowerCase()).toContain('authentication');
  });
});

describe('balances', () => {
  /** Of the same account as the reader's, which has spent 49.50 of its 190 and was then given 10 that expire. */
  let saver: Reader & { userId: string };

  beforeAll(async () => {
    const { admin } = gateway;
    const spender = await admin.openCustomer({ username: 'your-username', tier: 'free', credits: 190 });
    // 123,750,000 tokens at 0.40 for a million are the documented 49.50.
    const prompt = '[[prompt=0 completion=123750000]]';
    const { status } = await ask(gateway, '/v1/chat/completions', {
      key: spender.key,
      body: chat(prompt, { model: 'gpt-5-nano' }),
    });
    expect(status).toBe(200);
    await admin.grant(spender.userId, { amount: '10.00', kind: 'promo', expires_at: `${EXPIRY}Z` });
    saver = { url: gateway.url, userId: spender.userId, ...(await admin.issueKey(spender.userId)) };
  });

  it('answers /quota to the letter', async () => {
    const { stdout, exitCode } = await runShell(await sample('quota.sh', saver));
    expect(exitCode).toBe(0);
    const { models } = JSON.parse(stdout).thinking;
    expect(models.length).toBeGreaterThan(0);
    // The page shortens the list of models; everything else is compared as text, so order and types count.
    const documented = (await printed('quota.json')).replace(/\[.*\]/, JSON.stringify(models));
    expect(stdout).toBe(JSON.stringify(JSON.parse(documented)));
  });

  it('answers the credit balance to the letter', async () => {
    const { stdout, exitCode } = await runShell(await sample('credit-balance.sh', saver));
    expect(exitCode).toBe(0);
    const documented = JSON.parse(await printed('credit-balance.json'));
    expect(stdout).toBe(JSON.stringify({ ...documented, user_id: saver.userId, next_expiration: EXPIRY }));
  });

  it('prints the credit balance in TypeScript', async () => {
    printsNothingElse(
      await runModule(await sample('credit-balance.ts', saver)),
      'Current balance: 150.5\nTier: free\nWarning: 10 credits expiring soon\n',
    );
  });

  itInPython('requests')('prints the credit balance in Python', async () => {
    const { stdout, exitCode } = await runPython(await sample('credit-balance.py', saver));
    expect(exitCode).toBe(0);
    // Python prints 10 or 10.0 as the JSON has it; the page calls both a float.
    expect(stdout).toMatch(/^Current balance: 150\.50?\nTier: free\nWarning: 10(\.0)? credits expiring soon\n$/);
  });

  it('says that nothing expires by an empty text and a zero', async () => {
    const { json } = await ask(gateway, '/api/v3/auth/credit-balance', { headers: { 'x-api-key': reader.key } });
    expect(json).toMatchObject({ expiring_credits: 0, next_expiration: '' });
  });

  it('refuses a request that the balance cannot pay for with 402', async () => {
    const { key } = await gateway.admin.openCustomer({ credits: 0 });
    const { status } = await ask(gateway, '/v1/chat/completions', { key, body: chat('Hello!') });
    expect(status).toBe(402);
  });
});
