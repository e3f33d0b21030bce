import { describe, expect, test } from '@jest/globals';
import { chatRequest } from '../../src/completions/chat-request.js';
import { ApiError } from '../../src/http/api-error.js';
import { parse } from '../../src/http/validation.js';
import type { ChatObject } from '../../src/providers/index.js';
import { canonicalRequest } from '../../src/responses/canonical-request.js';
import { responsesRequest } from '../../src/responses/responses-request.js';

/** What is asked in the canonical form, which the pipeline takes. */
function canonical(asked: ChatObject): ChatObject {
  const body = canonicalRequest(parse(responsesRequest, { model: 'm', input: 'Hi', ...asked }));
  return parse(chatRequest, JSON.parse(JSON.stringify(body))) as ChatObject;
}

const conversation = (...input: object[]) => canonical({ input })['messages'];
const call = (id: string) => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
const called = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
const said = (text: string) => ({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] });

function refusal(asked: ChatObject): unknown {
  try {
    canonical(asked);
  } catch (error) {
    if (error instanceof ApiError) return [error.status, error.details.param, error.message];
    throw error;
  }
  return undefined;
}

describe('a request for a response', () => {
  test('asks the same of a chat completion', () => {
    const format = { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true };
    const asked = {
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', description: 'd', parameters: { type: 'object' }, strict: false }],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      text: { format, verbosity: 'low' },
      reasoning: { effort: 'high', summary: 'auto' },
      stream: true,
      store: true,
      include: ['reasoning.encrypted_content'],
      metadata: { a: 'b' },
      user: 'u',
      prompt_cache_key: 'k',
    };
    expect(canonical(asked)).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
      tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: false } }],
      tool_choice: { type: 'function', function: { name: 'f' } },
      parallel_tool_calls: false,
      max_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
      verbosity: 'low',
      reasoning: { effort: 'high', summary: 'auto' },
      stream: true,
      user: 'u',
      prompt_cache_key: 'k',
    });
  });

  test('says nothing of what it leaves open', () => {
    const { model, messages, ...rest } = canonical({ text: { format: { type: 'text' } }, tools: [], tool_choice: 'auto' });
    expect(rest).toEqual({});
    expect(canonical({ text: { format: { type: 'json_object' } } })['response_format']).toEqual({ type: 'json_object' });
  });

  test('shows texts, images and files', () => {
    const content = [
      { type: 'input_text', text: 'Look' },
      { type: 'input_image', image_url: 'https://x/y.png', detail: 'low' },
      { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' },
      { type: 'input_file', file_url: 'https://x/y.pdf' },
      { type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } },
    ];
    expect(conversation({ role: 'developer', content: 'Mind.' }, { type: 'message', role: 'user', content })).toEqual([
      { role: 'developer', content: 'Mind.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'low' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,aGk=' } },
          { type: 'file', file: { file_data: 'https://x/y.pdf' } },
          { type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } },
        ],
      },
    ]);
  });

  test('makes one turn of what the assistant said and called, and gives each result to its call', () => {
    const output = [
      { type: 'input_text', text: 'two' },
      { type: 'input_image', image_url: 'https://x/y.png' },
    ];
    expect(
      conversation(
        { role: 'user', content: 'Go' },
        { type: 'reasoning', id: 'rs', summary: [{ type: 'summary_text', text: 'hm' }] },
        said('So'),
        call('c1'),
        call('c2'),
        { type: 'function_call_output', call_id: 'c1', output: 'one' },
        { type: 'function_call_output', call_id: 'c2', output },
        said('Done'),
        said('Really'),
      ),
    ).toEqual([
      { role: 'user', content: 'Go' },
      {
        role: 'assistant',
        content: 'So',
        reasoning: 'hm',
        reasoning_details: [{ type: 'reasoning.summary', summary: 'hm', index: 0 }],
        tool_calls: [called('c1'), called('c2')],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'one' },
      { role: 'tool', tool_call_id: 'c2', content: 'two' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Belongs to the result of c2:' },
          { type: 'image_url', image_url: { url: 'https://x/y.png' } },
        ],
      },
      { role: 'assistant', content: 'Done' },
      { role: 'assistant', content: 'Really' },
    ]);
  });

  test('keeps a message of the assistant with the calls whose results follow it', () => {
    expect(conversation(call('c1'), said('So'), { type: 'function_call_output', call_id: 'c1', output: '' })).toEqual([
      { role: 'assistant', content: 'So', tool_calls: [called('c1')] },
      { role: 'tool', tool_call_id: 'c1', content: '' },
    ]);
  });

  test('tells a refusal as one, and the reasoning of OpenAI as OpenAI’s', () => {
    const refused = { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] };
    const reasoning = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' };
    expect(conversation(reasoning, refused)).toEqual([
      {
        role: 'assistant',
        content: '',
        refusal: 'No.',
        reasoning_details: [{ type: 'reasoning.encrypted', data: 'gAAAA', id: 'rs_1', format: 'openai-responses-v1', index: 0 }],
      },
    ]);
  });

  test.each<[string, ChatObject]>([
    ['model', { model: undefined }],
    ['input', { input: [] }],
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'p' } }],
    ['background', { background: true }],
    ['tools[0].type', { tools: [{ type: 'web_search' }] }],
    ['tools[0].name', { tools: [{ type: 'function' }] }],
    ['tool_choice.type', { tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'file_search' } }],
    ['input[0]', { input: [{ type: 'item_reference', id: 'x' }] }],
    ['input[0].type', { input: [{ type: 'web_search_call', id: 'x' }] }],
    ['input[0].role', { input: [{ role: 'tool', content: 'x' }] }],
    ['input[0].content[0].type', { input: [{ role: 'user', content: [{ type: 'x' }] }] }],
    [
      'input[0].content[1].image_url',
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: '' },
              { type: 'input_image', file_id: 'f' },
            ],
          },
        ],
      },
    ],
    ['input[0].content[0].file_data', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }],
    ['input[0].call_id', { input: [{ type: 'function_call_output', output: '' }] }],
    ['input[0].arguments', { input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: {} }] }],
  ])('is refused for its %s', (param, asked) => {
    expect(refusal(asked)).toEqual([400, param, expect.stringContaining(`"${param}"`)]);
  });
});
