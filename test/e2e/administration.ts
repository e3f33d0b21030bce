/** What the tests of the administration ask, and the figures that they read back. */
import { ADMIN_TOKEN, type Gateway } from '../support/gateway.js';
import { type Answered, ask, chat, type Json } from './http.js';

export const ACCOUNTS = '/api/v3/admin/accounts';

/** One whole credit per token of the answer, nothing for the prompt: what is asked for is what it costs. */
export const CREDIT_PER_TOKEN = 'test/credit-per-token';

export async function publishCreditPerToken(gateway: Gateway): Promise<void> {
  const { status, text } = await administer(gateway, 'PUT', `/api/v3/admin/models/${CREDIT_PER_TOKEN}`, {
    name: 'A credit per token',
    context_length: 100_000,
    max_completion_tokens: 10_000,
    prices: { prompt: '0', completion: '1' },
    routes: [{ provider: 'openai', upstream_model: 'credit-per-token' }],
  });
  if (status !== 200) throw new Error(`the model was not published: ${status} ${text}`);
}

export const administer = (gateway: Gateway, method: string, path: string, body?: unknown): Promise<Answered> =>
  ask(gateway, path, { method, key: ADMIN_TOKEN, ...(body !== undefined && { body }) });

/** The answer to a request about an account. Throws where it is no success. */
export async function done(gateway: Gateway, method: string, path: string, body?: unknown): Promise<Json> {
  const { status, json, text } = await administer(gateway, method, `${ACCOUNTS}/${path}`, body);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return json;
}

/** The code of a refusal. Throws where it is none. */
export async function refused(gateway: Gateway, method: string, path: string, body?: unknown): Promise<[number, string]> {
  const { status, json, text } = await administer(gateway, method, `${ACCOUNTS}/${path}`, body);
  if (status < 400) throw new Error(`${method} ${path}: ${status} ${text}`);
  return [status, json.error.code];
}

export const account = (gateway: Gateway, userId: string): Promise<Json> => done(gateway, 'GET', userId);

/** Has a call cost that many whole credits. @returns the id of its generation */
export async function spend(gateway: Gateway, key: string, credits: number): Promise<string> {
  const body = chat(`[[prompt=1 completion=${credits}]]`, { model: CREDIT_PER_TOKEN, max_tokens: credits });
  const { status, json, text } = await ask(gateway, '/v1/chat/completions', { key, body });
  if (status !== 200 || json.usage.cost !== credits) throw new Error(`a call for ${credits} credits: ${status} ${text}`);
  return json.id;
}
