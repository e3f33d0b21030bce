/** What an error looks like in each of the two dialects, and what none may ever show. */
import { expect } from '@jest/globals';
import type { Gateway } from '../support/gateway.js';
import { type Answered, type Asking, ask, type Dialect } from './http.js';

/** An error as the documentation names its parts. */
export interface ExpectedError {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  /** The whole message, or a pattern of it. */
  readonly message: string | RegExp;
  readonly param?: string;
  readonly metadata?: object;
}

/** `/v1` has the documentation's form with a string code; `/api/v1` has OpenRouter's, whose code is the status. */
export function expectError({ status, json }: Answered, dialect: Dialect, expected: ExpectedError): void {
  const { type, param, metadata } = expected;
  const message = typeof expected.message === 'string' ? expected.message : expect.stringMatching(expected.message);
  const extra = { ...(param !== undefined && { param }), ...(metadata && { metadata }) };
  const error =
    dialect === 'v1' ? { message, type, code: expected.code, ...extra } : { code: expected.status, message, ...extra };
  expect({ status, json }).toEqual({ status: expected.status, json: { error } });
}

/** Asks on behalf of the tests of one file, and keeps every answer for the search that ends it. */
export class Questions {
  private readonly answers: string[] = [];

  async ask(gateway: Gateway, path: string, asking: Asking): Promise<Answered> {
    const answer = await ask(gateway, path, asking);
    this.answers.push(JSON.stringify([...answer.headers]), answer.text);
    return answer;
  }

  /** Ends the gateway, so that all of its log is out, and searches everything it has said for what it must keep to itself. */
  async expectNothingTold(gateway: Gateway, secrets: readonly string[]): Promise<void> {
    expect(await gateway.stop()).toBe(0);
    expect(this.answers.length).toBeGreaterThan(0);
    expect(gateway.stderr).toContain('"status":');
    const lines = [...this.answers, gateway.stdout, ...gateway.stderr.split('\n')];
    for (const secret of secrets) expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    // Whatever was refused was refused on purpose, so the log has no reason for a stack either.
    expect(lines.filter((line) => STACK.test(line))).toEqual([]);
  }
}

/** A line of a stack trace, also where JSON has escaped the line break. */
const STACK = /(\n|\\n)\s+at \S|node_modules|\.[jt]s:\d+:\d+/;
