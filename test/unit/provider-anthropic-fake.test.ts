import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FakeAnthropic, startFakeAnthropic } from '../support/fake-anthropic.js';
import { type MessagesRequest, redacted, refusalOf, signatureOf } from '../support/fake-anthropic-rules.js';

/** A fake that lets everything pass would prove nothing: each rule of Anthropic's is broken once. */
const text = (words: string) => ({ type: 'text', text: words });
const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const use = (id: string) => ({ type: 'tool_use', id, name: 'f', input: {} });
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id });
const thought = { type: 'thinking', thinking: 'hm', signature: signatureOf('hm') };
const base = { model: 'claude-sonnet-4', max_tokens: 4_096, messages: [user(text('Hi'))] };
const enabled = { thinking: { type: 'enabled', budget_tokens: 1_024 } };
const tools = [{ name: 'f', input_schema: { type: 'object' } }];
const source = (media_type: string) => ({ type: 'image', source: { type: 'base64', media_type, data: 'AAAA' } });

const refusal = (more: object) => refusalOf({ ...base, ...more } as unknown as MessagesRequest);
const said = (...messages: object[]) => ({ messages });

describe('the fake Anthropic refuses', () => {
  test.each<[string, object]>([
    ['no max_tokens', { max_tokens: undefined }],
    ...['n', 'logprobs', 'seed', 'frequency_penalty', 'presence_penalty', 'logit_bias', 'speed'].map((name): [string, object] => [
      `the member ${name}`,
      { [name]: 1 },
    ]),
    ['a tier that there is not', { service_tier: 'priority' }],
    ['a system among the messages', said({ role: 'system', content: 'x' }, user(text('a')))],
    ['an assistant who opens', said(assistant(text('a')))],
    ['two turns of a side', said(user(text('a')), user(text('b')))],
    ['no messages', said()],
    ['an empty text', said(user(text('')))],
    ['an empty turn', said(user())],
    ['an answer that ends in white space', said(user(text('a')), assistant(text('b ')))],
    ['an empty system', { system: [text(' ')] }],
    ['a missing result', said(user(text('a')), assistant(use('x'), use('y')), user(result('x')))],
    ['a result of no call', said(user(result('x')))],
    ['a result that is not first', said(user(text('a')), assistant(use('x')), user(text('b'), result('x')))],
    [
      'results in two turns',
      said(user(text('a')), assistant(use('x'), use('y')), user(result('x')), assistant(text('b')), user(result('y'))),
    ],
    ['an id with a colon', said(user(text('a')), assistant(use('x:1')), user(result('x:1')))],
    ['input that is no object', said(user(text('a')), assistant({ ...use('x'), input: '{}' }), user(result('x')))],
    ['an image of an assistant', said(user(text('a')), assistant(source('image/png')))],
    ['an image of an unknown kind', said(user(source('image/tiff')))],
    ['audio', said(user({ type: 'input_audio' }))],
    ['a small budget', { thinking: { type: 'enabled', budget_tokens: 1_023 } }],
    ['a budget of max_tokens', { thinking: { type: 'enabled', budget_tokens: 4_096 } }],
    ...['claude-opus-4-7', 'claude-sonnet-5', 'claude-opus-5'].flatMap((model): [string, object][] => [
      [`a budget for ${model}`, { ...enabled, model }],
      ...['temperature', 'top_p', 'top_k'].map((name): [string, object] => [`${name} for ${model}`, { [name]: 1, model }]),
    ]),
    ['a great effort without thinking', { thinking: { type: 'disabled' }, output_config: { effort: 'max' } }],
    ['an effort that there is not', { output_config: { effort: 'minimal' } }],
    ['a temperature while thinking', { ...enabled, temperature: 0.5 }],
    ['top_k while thinking', { ...enabled, top_k: 5 }],
    ['a small top_p while thinking', { ...enabled, top_p: 0.9 }],
    ['a forced tool while thinking', { ...enabled, tools, tool_choice: { type: 'any' } }],
    ['a named tool while thinking', { thinking: { type: 'adaptive' }, tools, tool_choice: { type: 'tool', name: 'f' } }],
    ['a choice without tools', { tool_choice: { type: 'auto' } }],
    ['a choice of an unknown tool', { tools, tool_choice: { type: 'tool', name: 'g' } }],
    ['a tool without a schema', { tools: [{ name: 'f' }] }],
    ["a tool of OpenAI's", { tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['thinking that was changed', said(user(text('a')), assistant({ ...thought, thinking: 'ha' }, text('b')), user(text('c')))],
    ['thinking without its signature', said(user(text('a')), assistant({ type: 'thinking', thinking: 'hm' }), user(text('c')))],
    [
      'redacted thinking that was changed',
      said(user(text('a')), assistant({ type: 'redacted_thinking', data: 'x.y' }), user(text('c'))),
    ],
    ['lost thinking', { ...enabled, ...said(user(text('a')), assistant(use('x')), user(result('x'))) }],
    ['a stop sequence of white space', { stop_sequences: ['\n'] }],
    ['a temperature above 1', { temperature: 1.1 }],
    ['temperature and top_p', { model: 'claude-opus-4-1', temperature: 0.5, top_p: 0.5 }],
    ['an e-mail address', { metadata: { user_id: 'a@example.org' } }],
  ])('%s', (_, more) => {
    expect(refusal(more)).toEqual(expect.any(String));
  });

  test('and nothing else', () => {
    const loop = said(
      user(text('a')),
      assistant(thought, { type: 'redacted_thinking', data: redacted('x') }, use('x')),
      user(result('x')),
    );
    expect(refusal({})).toBeUndefined();
    expect(refusal({ ...enabled, ...loop, tools, system: 'S', top_p: 0.95 })).toBeUndefined();
    expect(refusal({ thinking: { type: 'adaptive' }, model: 'claude-opus-5', output_config: { effort: 'max' } })).toBeUndefined();
  });
});

describe('over its socket', () => {
  let fake: FakeAnthropic;
  beforeAll(async () => {
    fake = await startFakeAnthropic({ apiKey: 'k' });
  });
  afterAll(() => fake.close());

  test.each<[Record<string, string>, number, string]>([
    [{}, 401, 'authentication_error'],
    [{ 'x-api-key': 'other' }, 401, 'authentication_error'],
    [{ 'x-api-key': 'k' }, 400, 'invalid_request_error'],
    [{ 'x-api-key': 'k', 'anthropic-version': '2020-01-01' }, 400, 'invalid_request_error'],
    [{ 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }, 400, 'invalid_request_error'],
  ])('headers %j without a body are %i', async (headers, status, type) => {
    const response = await fetch(`${fake.url}/v1/messages`, { method: 'POST', headers, body: '{}' });
    expect([response.status, await response.json()]).toEqual([
      status,
      { type: 'error', error: { type, message: expect.any(String) }, request_id: expect.stringMatching(/^req_/) },
    ]);
  });
});
