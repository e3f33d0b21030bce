import { describe, expect, test } from '@jest/globals';
import { callKey, checkGenerate, InvalidArgument, type Json } from '../support/gemini-rules.js';

/** The fake provider is worth what it refuses. */
const refusal = (body: Json, model = 'gemini-2.5-flash', given: Record<string, string> = {}) => {
  try {
    checkGenerate(body, model, new Map(Object.entries(given)), new Set(Object.values(given)));
  } catch (error) {
    if (error instanceof InvalidArgument) return error.message;
    throw error;
  }
  return undefined;
};
const hi = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] };
const config = (generationConfig: Json) => ({ ...hi, generationConfig });
const thinking = (thinkingConfig: Json) => config({ thinkingConfig });
const declared = (declaration: Json) => ({ ...hi, tools: [{ functionDeclarations: [{ name: 'f', ...declaration }] }] });
const part = (one: Json) => ({ contents: [{ role: 'user', parts: [one] }] });
const called = (signature: Json, ...results: Json[]) => ({
  contents: [
    ...hi.contents,
    { role: 'model', parts: [{ functionCall: { name: 'f', args: { x: 1 } }, ...signature }] },
    { role: 'user', parts: results.length > 0 ? results : [{ text: 'And?' }] },
  ],
});
const result = { functionResponse: { name: 'f', response: {} } };

describe('the fake Gemini refuses', () => {
  test.each<[RegExp, Json, string?]>([
    [/Unknown name "messages"/, { ...hi, messages: [] }],
    [/Unknown name "content"/, { contents: [{ role: 'user', parts: [{ content: 'x' }] }] }],
    [/Unknown name "max_tokens"/, config({ max_tokens: 1 })],
    [/Unknown name "strict"/, declared({ strict: true })],
    [/valid role/, { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }],
    [/contents is not specified/, { contents: [] }],
    [/must not be empty/, { contents: [{ role: 'user', parts: [] }] }],
    ...['additionalProperties', '$schema', '$ref', 'const', 'oneOf', 'exclusiveMinimum'].map((name): [RegExp, Json] => [
      new RegExp(`Unknown name "${name.replace('$', '\\$')}" at 'tools\\[0\\].function_declarations\\[0\\].parameters`),
      declared({ parameters: { type: 'object', properties: { a: { [name]: 1 } } } }),
    ]),
    [/at most 5/, config({ stopSequences: ['1', '2', '3', '4', '5', '6'] })],
    [/within \[1, 8\]/, config({ candidateCount: 9 })],
    [/only set one of/, thinking({ thinkingBudget: 1, thinkingLevel: 'LOW' }), 'gemini-3-pro'],
    [/Budget 0 is invalid/, thinking({ thinkingBudget: 0 }), 'gemini-2.5-pro'],
    [/between 0 and 24576/, thinking({ thinkingBudget: 99_999 })],
    [/level is not supported/, thinking({ thinkingLevel: 'LOW' })],
    [/not supported by this model/, thinking({ includeThoughts: true }), 'gemini-2.0-flash'],
    [/MIME type/, part({ inlineData: { mimeType: 'audio/midi', data: 'AA==' } })],
    [/MIME type/, part({ inlineData: { mimeType: 'image/tiff', data: 'AA==' } })],
    [/Base64/, part({ inlineData: { mimeType: 'image/png', data: 'data:image/png' } })],
    [/one initialized field/, part({ thought: true })],
    [/number of function response parts/, called({})],
    [/number of function response parts/, called({}, result, result)],
    [/names match/, called({}, { functionResponse: { name: 'g', response: {} } })],
    [/missing a thought_signature/, called({}, result), 'gemini-3-pro'],
    [/Corrupted thought signature/, called({ thoughtSignature: 'x' }, result), 'gemini-3-pro'],
    [/mode is ANY/, { ...declared({}), toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['f'] } } }],
  ])('with %s', (...[message, body, model]) => {
    expect(refusal(body, model)).toMatch(message);
  });

  test('a call that has lost the signature that it was given, and takes it back with it', () => {
    const given = { [callKey('f', { x: 1 })]: 'S', other: 'T' };
    expect(refusal(called({}, result), 'gemini-3-pro', given)).toMatch(/missing a thought_signature/);
    expect(refusal(called({ thoughtSignature: 'T' }, result), 'gemini-3-pro', given)).toMatch(/not valid/);
    expect(refusal(called({ thoughtSignature: 'S' }, result), 'gemini-3-pro', given)).toBeUndefined();
  });
});
