import { describe, expect, test } from '@jest/globals';
import type { Response } from 'openai/resources/responses/responses';
import { ApiError } from '../../src/http/api-error.js';
import { parse } from '../../src/http/validation.js';
import type { ChatObject } from '../../src/providers/index.js';
import { canonicalRequest } from '../../src/responses/canonical-request.js';
import { responsesDialect } from '../../src/responses/responses-dialect.js';
import { type ResponsesRequest, responsesRequest } from '../../src/responses/responses-request.js';
import { delta, eventsOf, generationOf, readResponse, streamOf, wholeBody } from '../support/answer-dialects.js';

const HEX = '0123456789abcdef0123456789abcdef';
const dialectOf = (asked: Partial<ResponsesRequest> = {}) => responsesDialect({ model: 'm', input: 'Hi', ...asked });
const body = (message: ChatObject, finish = 'stop', asked: Partial<ResponsesRequest> = {}) =>
  wholeBody(dialectOf(asked), { role: 'assistant', content: null, ...message }, finish);
const toolCall = { index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };
const PLAIN = { type: 'reasoning.text', text: 'hm' };

describe('a response', () => {
  test('has everything that OpenAI’s types require, what was asked and what was charged', () => {
    const asked = {
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      tools: [{ type: 'function', name: 'f' }],
      tool_choice: 'auto' as const,
      parallel_tool_calls: false,
      max_output_tokens: 9,
      temperature: 0.5,
      user: 'u',
      store: true,
    };
    // What the types require, checked when this is compiled.
    const expected: Response & { provider: string; store: boolean; usage: { cost: number } } = {
      id: `gen-${HEX}`,
      object: 'response',
      created_at: 1_770_000_000,
      model: 'maker/model',
      provider: 'Provider',
      status: 'completed',
      error: null,
      incomplete_details: null,
      output: [
        {
          id: `rs_${HEX}_0`,
          type: 'reasoning',
          status: 'completed',
          summary: [],
          content: [{ type: 'reasoning_text', text: 'hm' }],
          encrypted_content: null,
        },
        {
          id: `msg_${HEX}_1`,
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hi', annotations: [], logprobs: [] }],
        },
        { id: `fc_${HEX}_2`, type: 'function_call', status: 'completed', call_id: 'c1', name: 'f', arguments: '{"a":1}' },
      ],
      output_text: 'Hi',
      usage: {
        input_tokens: 1_003,
        input_tokens_details: { cached_tokens: 401, cache_write_tokens: 102 },
        output_tokens: 77,
        output_tokens_details: { reasoning_tokens: 13 },
        total_tokens: 1_080,
        cost: 0.0123,
      },
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      parallel_tool_calls: false,
      temperature: 0.5,
      top_p: null,
      top_logprobs: 0,
      tool_choice: 'auto',
      tools: [{ type: 'function', name: 'f', parameters: null, strict: null }],
      max_output_tokens: 9,
      reasoning: { effort: null, summary: null },
      text: { format: { type: 'text' }, verbosity: 'medium' },
      truncation: 'disabled',
      service_tier: 'default',
      background: false,
      store: false,
      previous_response_id: null,
      prompt_cache_key: null,
      safety_identifier: null,
      user: 'u',
    };
    expect(body({ reasoning: 'hm', content: 'Hi', tool_calls: [toolCall] }, 'tool_calls', asked)).toEqual(expected);
  });

  test.each([
    ['stop', 'completed', null, null, 'completed'],
    ['tool_calls', 'completed', null, null, 'completed'],
    ['length', 'incomplete', { reason: 'max_output_tokens' }, null, 'incomplete'],
    ['content_filter', 'incomplete', { reason: 'content_filter' }, null, 'incomplete'],
    ['error', 'failed', null, { code: 'server_error', message: expect.any(String) }, 'incomplete'],
  ])('that ends with %s is %s, at once and streamed', (finish, status, incomplete_details, error, last) => {
    const message = { reasoning: 'hm', content: 'Hi' };
    const told = body(message, finish);
    expect(told).toMatchObject({ status, incomplete_details, error });
    expect((told['output'] as ChatObject[]).map((item) => item['status'])).toEqual(['completed', last]);
    const events = eventsOf(streamOf(dialectOf(), [delta(message), delta({}, finish)]));
    expect(events.at(-1)?.event).toBe(`response.${status}`);
    expect(readResponse(events)).toMatchObject({ last: told, accumulated: { output: told['output'] } });
  });

  test('tells reasoning as a summary to who asked for one', () => {
    expect(body({ reasoning: 'hm' }, 'stop', { reasoning: { summary: 'auto' } })).toMatchObject({
      output: [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] }],
    });
  });

  test('tells citations and images', () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://x', title: 'X', start_index: 1, end_index: 2 } }];
    const images = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }];
    const told = body({ content: 'Hi', annotations, images });
    expect(told['output']).toMatchObject([
      { content: [{ annotations: [{ type: 'url_citation', url: 'https://x', title: 'X', start_index: 1, end_index: 2 }] }] },
      { type: 'image_generation_call', result: 'aGk=' },
    ]);
    const steps = [delta({ content: 'Hi' }), delta({ annotations }), delta({ images }, 'stop')];
    expect(readResponse(eventsOf(streamOf(dialectOf(), steps))).accumulated['output']).toEqual(told['output']);
  });

  test.each<[string, ChatObject, string | undefined]>([
    ['signed', { type: 'reasoning.text', text: 'hm', signature: 's', format: 'anthropic-claude-v1' }, undefined],
    ['signed, told as a summary', { type: 'reasoning.text', text: 'hm', signature: 's', format: 'anthropic-claude-v1' }, 'auto'],
    ['encrypted', { type: 'reasoning.encrypted', data: 'd', format: 'google-gemini-v1', id: 't1' }, undefined],
    ['nobody’s', PLAIN, undefined],
  ])('brings reasoning back as it was: %s', (_, detail, summary) => {
    const input = body({ reasoning_details: [{ ...detail, index: 0 }] }, 'stop', { reasoning: { summary } })['output'];
    const [message] = canonicalRequest(parse(responsesRequest, { model: 'm', input }))['messages'] as ChatObject[];
    expect(message?.['reasoning_details']).toEqual([{ ...detail, index: 0 }]);
  });
});

describe('a stream of a response', () => {
  test('announces each item and part before it says them, and says them whole at their end', () => {
    const stream = streamOf(dialectOf(), [
      delta({ reasoning: 'hm' }),
      { text: 'Hi' },
      delta({ tool_calls: [toolCall] }, 'tool_calls'),
    ]);
    expect(eventsOf(stream).map(({ event }) => event?.replace('response.', ''))).toEqual([
      ...['created', 'in_progress'],
      ...['output_item.added', 'content_part.added', 'reasoning_text.delta'],
      ...['reasoning_text.done', 'content_part.done', 'output_item.done'],
      ...['output_item.added', 'content_part.added', 'output_text.delta'],
      ...['output_text.done', 'content_part.done', 'output_item.done'],
      ...['output_item.added', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done'],
      'completed',
    ]);
    expect(stream).not.toContain('[DONE]');
  });

  test.each([
    [429, 'rate_limit_exceeded'],
    [400, 'invalid_prompt'],
    [499, 'server_error'],
    [502, 'server_error'],
  ])('that fails with %i says so in its last event, beside what it said', (status, code) => {
    const frames = dialectOf().frames(generationOf());
    const told = frames.text(0, '"Hi"');
    const problem = new ApiError(status, 'a_code', 'Broken', { metadata: { error_type: 'a_type' } });
    const events = eventsOf(told + frames.error(problem));
    expect(readResponse(events).last).toMatchObject({
      status: 'failed',
      error: { code, message: 'Broken' },
      output: [{ status: 'incomplete', content: [{ text: 'Hi' }] }],
      usage: null,
    });
    expect(events.at(-1)).toMatchObject({ event: 'response.failed', data: { error_type: 'a_type' } });
  });

  test('that fails before anything was said is a response all the same', () => {
    const events = eventsOf(
      dialectOf()
        .frames(generationOf())
        .error(new ApiError(502, 'a_code', 'Broken')),
    );
    expect(events.map(({ event }) => event)).toEqual(['response.created', 'response.in_progress', 'response.failed']);
  });
});
