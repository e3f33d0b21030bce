import { describe, expect, test } from '@jest/globals';
import { chatRequest } from '../../src/completions/chat-request.js';
import { ApiError } from '../../src/http/api-error.js';
import { parse } from '../../src/http/validation.js';
import { canonicalRequest } from '../../src/messages/canonical-request.js';
import { messagesRequest } from '../../src/messages/messages-request.js';
import type { ChatObject } from '../../src/providers/index.js';

const HI = { role: 'user', content: 'Hi' };
const CACHED = { type: 'ephemeral', ttl: '1h' };
const PNG = { type: 'base64', media_type: 'image/png', data: 'aGk=' };

/** What is asked in the canonical form, which the pipeline takes. */
function canonical(asked: ChatObject): ChatObject {
  const body = canonicalRequest(parse(messagesRequest, { model: 'm', max_tokens: 100, messages: [HI], ...asked }));
  return parse(chatRequest, JSON.parse(JSON.stringify(body))) as ChatObject;
}

const conversation = (...messages: object[]) => canonical({ messages })['messages'];
const assistant = (...content: object[]) => ({ role: 'assistant', content });
const user = (...content: object[]) => ({ role: 'user', content });

function refusal(asked: ChatObject): unknown {
  try {
    canonical(asked);
  } catch (error) {
    if (error instanceof ApiError) return [error.status, error.details.param, error.message];
    throw error;
  }
  return undefined;
}

describe('a request for a message', () => {
  test('asks the same of a chat completion', () => {
    const asked = {
      system: 'Be brief.',
      stop_sequences: ['END'],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stream: true,
      metadata: { user_id: 'u-1' },
      output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
      service_tier: 'auto',
      models: ['n'],
      provider: { order: ['openai'] },
      context_management: { edits: [] },
    };
    expect(canonical(asked)).toEqual({
      model: 'm',
      max_tokens: 100,
      messages: [{ role: 'system', content: 'Be brief.' }, HI],
      stop: ['END'],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 40,
      stream: true,
      models: ['n'],
      provider: { order: ['openai'] },
      user: 'u-1',
      verbosity: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' }, strict: true } },
    });
  });

  test.each([
    [{ type: 'enabled', budget_tokens: 2_048 }, undefined, { reasoning: { enabled: true, max_tokens: 2_048 } }],
    [{ type: 'adaptive' }, 'high', { reasoning: { enabled: true, effort: 'high' } }],
    [{ type: 'adaptive' }, undefined, { reasoning: { enabled: true } }],
    [{ type: 'disabled' }, 'max', { reasoning: { enabled: false }, verbosity: 'high' }],
    [undefined, 'medium', { verbosity: 'medium' }],
  ])('thinks as it is told: %j with effort %s', (thinking, effort, expected) => {
    const { model, max_tokens, messages, ...rest } = canonical({ thinking, ...(effort && { output_config: { effort } }) });
    expect(rest).toEqual(expected);
  });

  test('names a user by no more characters than any provider takes', () => {
    const long = 'user_'.repeat(20);
    expect(canonical({ metadata: { user_id: long } })['user']).toMatch(/^[0-9a-f]{64}$/);
    expect(canonical({ metadata: { user_id: 'x'.repeat(64) } })['user']).toBe('x'.repeat(64));
  });

  test('keeps its cache breakpoints on what they follow', () => {
    const text = { type: 'text', text: 'a', cache_control: CACHED };
    const image = { type: 'image', source: { type: 'url', url: 'https://x/y.png' }, cache_control: CACHED };
    const result = { type: 'tool_result', tool_use_id: 't', content: 'done', cache_control: CACHED };
    const tool = { name: 'f', input_schema: { type: 'object' }, cache_control: CACHED };
    const asked = canonical({ system: [text], messages: [user(text, image), assistant(text), user(result)], tools: [tool] });
    expect(asked['messages']).toEqual([
      { role: 'system', content: [text] },
      { role: 'user', content: [text, { type: 'image_url', image_url: { url: 'https://x/y.png' }, cache_control: CACHED }] },
      { role: 'assistant', content: [text] },
      { role: 'tool', tool_call_id: 't', content: [{ type: 'text', text: 'done', cache_control: CACHED }] },
    ]);
    expect(asked['tools']).toEqual([
      { type: 'function', function: { name: 'f', parameters: { type: 'object' } }, cache_control: CACHED },
    ]);
  });

  test('shows images and documents', () => {
    const documents = [
      { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' } },
      { type: 'document', source: { type: 'url', url: 'https://x/y.pdf' } },
      { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'words' } },
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'inner' }] } },
    ];
    expect(conversation(user({ type: 'image', source: PNG }, ...documents))).toEqual([
      user(
        { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' } },
        { type: 'file', file: { filename: 'document.pdf', file_data: 'https://x/y.pdf' } },
        { type: 'text', text: 'Notes' },
        { type: 'text', text: 'words' },
        { type: 'text', text: 'inner' },
      ),
    ]);
  });

  test('brings thinking back unchanged, in its order, with the calls that came of it', () => {
    const thinking = { type: 'thinking', thinking: 'hm', signature: 'sig' };
    const call = { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } };
    expect(
      conversation(assistant(thinking, { type: 'redacted_thinking', data: 'xyz' }, { type: 'text', text: 'So' }, call)),
    ).toEqual([
      {
        role: 'assistant',
        content: 'So',
        reasoning: 'hm',
        reasoning_details: [
          { type: 'reasoning.text', text: 'hm', signature: 'sig', format: 'anthropic-claude-v1', index: 0 },
          { type: 'reasoning.encrypted', data: 'xyz', format: 'anthropic-claude-v1', index: 1 },
        ],
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
    ]);
  });

  test('keeps thinking behind the text that it followed', () => {
    const thinking = (text: string) => ({ type: 'thinking', thinking: text, signature: text });
    const call = { type: 'tool_use', id: 't1', name: 'f', input: {} };
    const turn = conversation(
      assistant(thinking('1'), { type: 'text', text: 'a' }, thinking('2'), call, thinking('3')),
    ) as ChatObject[];
    expect(turn.map(({ reasoning, content, tool_calls }) => [reasoning, content, (tool_calls as [])?.length])).toEqual([
      ['1', 'a', undefined],
      ['23', null, 1],
    ]);
  });

  test('keeps what comes between calls and their results with them', () => {
    const call = { type: 'tool_use', id: 't1', name: 'f', input: {} };
    const turn = assistant({ type: 'text', text: 'a' }, call, { type: 'thinking', thinking: 'hm', signature: 's' });
    expect(conversation(turn)).toMatchObject([{ role: 'assistant', content: 'a', reasoning: 'hm', tool_calls: [{ id: 't1' }] }]);
  });

  test('does not pass unsigned thinking of another model off as Anthropic’s', () => {
    expect(conversation(assistant({ type: 'thinking', thinking: 'hm', signature: '' }))).toEqual([
      { role: 'assistant', content: '', reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm', index: 0 }] },
    ]);
  });

  test('gives each result to its call, what is no text behind them all, and what the user says last', () => {
    const results = user(
      {
        type: 'tool_result',
        tool_use_id: 't1',
        content: [
          { type: 'text', text: 'one' },
          { type: 'image', source: PNG },
        ],
      },
      { type: 'tool_result', tool_use_id: 't2', content: 'no such file', is_error: true },
      { type: 'tool_result', tool_use_id: 't3', is_error: true },
      { type: 'tool_result', tool_use_id: 't4', content: 'Error: gone', is_error: true },
      { type: 'text', text: 'Go on.' },
    );
    expect(conversation(results)).toEqual([
      { role: 'tool', tool_call_id: 't1', content: 'one' },
      {
        role: 'tool',
        tool_call_id: 't2',
        content: [
          { type: 'text', text: 'Error:' },
          { type: 'text', text: 'no such file' },
        ],
      },
      { role: 'tool', tool_call_id: 't3', content: 'Error:' },
      { role: 'tool', tool_call_id: 't4', content: 'Error: gone' },
      user(
        { type: 'text', text: 'Belongs to the result of t1:' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
      ),
      { role: 'user', content: 'Go on.' },
    ]);
  });

  test.each([
    ['auto', {}, 'auto', undefined],
    ['any', { disable_parallel_tool_use: true }, 'required', false],
    ['none', {}, 'none', undefined],
    ['tool', { name: 'f' }, { type: 'function', function: { name: 'f' } }, undefined],
  ])('chooses tools: %s', (type, more, choice, parallel) => {
    const tools = [{ type: 'custom', name: 'f', description: 'd', input_schema: { type: 'object' }, strict: true }];
    const { tools: sent, tool_choice, parallel_tool_calls } = canonical({ tools, tool_choice: { type, ...more } });
    expect(sent).toEqual([
      { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: true } },
    ]);
    expect([tool_choice, parallel_tool_calls]).toEqual([choice, parallel]);
  });

  test.each<[string, ChatObject]>([
    ['max_tokens', { max_tokens: undefined }],
    ['messages', { messages: [] }],
    [
      'tools[1].type',
      {
        tools: [
          { name: 'f', input_schema: {} },
          { type: 'web_search_20250305', name: 'web_search' },
        ],
      },
    ],
    ['tools[0].input_schema', { tools: [{ name: 'f' }] }],
    ['tool_choice.name', { tools: [{ name: 'f', input_schema: {} }], tool_choice: { type: 'tool' } }],
    ['mcp_servers', { mcp_servers: [{ type: 'url' }] }],
    ['container', { container: 'c' }],
    ['thinking.budget_tokens', { thinking: { type: 'enabled', budget_tokens: 100 } }],
    ['temperature', { temperature: 1.5 }],
    ['system', { system: [{ type: 'image' }] }],
    ['messages[0].content[0].type', { messages: [user({ type: 'container_upload', file_id: 'f' })] }],
    ['messages[0].content[0].type', { messages: [user({ type: 'thinking', thinking: 'x' })] }],
    ['messages[0].content[0].type', { messages: [assistant({ type: 'server_tool_use', id: 's' })] }],
    ['messages[0].content[0].source.type', { messages: [user({ type: 'image', source: { type: 'file', file_id: 'f' } })] }],
    ['messages[0].content[0].text', { messages: [user({ type: 'text' })] }],
    ['messages[0].content[0].tool_use_id', { messages: [user({ type: 'tool_result' })] }],
    [
      'messages[0].content[0].content[1].type',
      { messages: [user({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: '' }, { type: 'x' }] })] },
    ],
    ['messages[0].content[0].input', { messages: [assistant({ type: 'tool_use', id: 't', name: 'f', input: 'a' })] }],
  ])('is refused for its %s', (param, asked) => {
    expect(refusal(asked)).toEqual([400, param, expect.stringContaining(`"${param}"`)]);
  });
});
