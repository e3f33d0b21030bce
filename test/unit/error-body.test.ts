import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../src/http/api-error.js';
import { anthropicErrorBody, errorBody } from '../../src/http/error-body.js';

const problem = (status: number, error_type = 'a_type') =>
  new ApiError(status, 'a_code', 'What is wrong', { param: 'model', metadata: { error_type } });

const DOCUMENTATION = {
  error: {
    message: 'What is wrong',
    type: 'invalid_request_error',
    code: 'a_code',
    param: 'model',
    metadata: { error_type: 'a_type' },
  },
};
const OPENROUTER = { error: { code: 400, message: 'What is wrong', param: 'model', metadata: { error_type: 'a_type' } } };
const ANTHROPIC = {
  type: 'error',
  error: { type: 'invalid_request_error', message: 'What is wrong', error_type: 'a_type' },
  request_id: 'r-1',
};

describe('the body of an error', () => {
  test.each<[string, object]>([
    ['/v1/chat/completions', DOCUMENTATION],
    ['/v1/responses', DOCUMENTATION],
    ['/api/v1/chat/completions', OPENROUTER],
    ['/api/v1/responses', OPENROUTER],
    ['/v1/messages', ANTHROPIC],
    ['/v1/messages?beta=true', ANTHROPIC],
    ['/v1/messages/count_tokens', ANTHROPIC],
    ['/api/v1/messages', ANTHROPIC],
    ['/v1/messagesque', DOCUMENTATION],
    ['/api/v3/v1/messages', DOCUMENTATION],
  ])('of %s has the form that its clients read', (url, expected) => {
    expect(errorBody(problem(400), url, 'r-1')).toEqual(expected);
  });

  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [408, 'timeout_error'],
    [409, 'invalid_request_error'],
    [413, 'request_too_large'],
    [415, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [501, 'api_error'],
    [502, 'api_error'],
    [503, 'api_error'],
    [504, 'timeout_error'],
    [529, 'overloaded_error'],
  ])('%i is %s to Anthropic’s clients', (status, type) => {
    expect(anthropicErrorBody(problem(status), null)).toMatchObject({ error: { type }, request_id: null });
  });

  test('a provider that has too much to do is overloaded to them', () => {
    expect(anthropicErrorBody(problem(503, 'provider_overloaded'), null)).toMatchObject({ error: { type: 'overloaded_error' } });
  });
});
