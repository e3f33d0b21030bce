import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { messagesDialect } from '../../src/messages/messages-dialect.js';
import type { ChatObject } from '../../src/providers/index.js';
import { responsesDialect } from '../../src/responses/responses-dialect.js';
import { textDialect } from '../../src/text-completions/text-dialect.js';
import {
  chunksOf,
  cuts,
  eventsOf,
  finishes,
  readMessage,
  readResponse,
  streamOf,
  wholeBody,
  wholeMessages,
} from '../support/answer-dialects.js';

describe('an answer says the same whole and in any chunks, in a well-formed stream', () => {
  test('as a message of Anthropic', () => {
    fc.assert(
      fc.property(wholeMessages, finishes, cuts, (message, finish, cut) => {
        const read = readMessage(eventsOf(streamOf(messagesDialect, chunksOf(message, cut, finish))));
        expect(read).toEqual(wholeBody(messagesDialect, message, finish));
      }),
    );
  });

  test.each([undefined, 'auto'])('as a response of OpenAI, reasoning summary %p', (summary) => {
    const dialect = responsesDialect({ model: 'maker/model', input: 'Hi', reasoning: { summary } });
    fc.assert(
      fc.property(wholeMessages, finishes, cuts, (message, finish, cut) => {
        const { accumulated, last } = readResponse(eventsOf(streamOf(dialect, chunksOf(message, cut, finish))));
        const whole = wholeBody(dialect, message, finish);
        expect(last).toEqual(whole);
        const { output, output_text } = whole;
        expect({ output: accumulated['output'], output_text: accumulated['output_text'] }).toEqual({ output, output_text });
      }),
    );
  });

  test('as text', () => {
    fc.assert(
      fc.property(wholeMessages, finishes, cuts, (message, finish, cut) => {
        const choices = eventsOf(streamOf(textDialect, chunksOf(message, cut, finish))).flatMap(
          ({ data }) => (data['choices'] ?? []) as ChatObject[],
        );
        const [whole] = wholeBody(textDialect, message)['choices'] as ChatObject[];
        expect(choices.map(({ text }) => text).join('')).toBe(whole?.['text']);
        expect(choices.filter(({ finish_reason }) => finish_reason !== null).map(({ finish_reason }) => finish_reason)).toEqual([
          finish,
        ]);
      }),
    );
  });
});
