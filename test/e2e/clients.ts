/**
 * The gateway that the clients of others are tried against, with a customer who can pay and one who cannot. Importing this module
 * registers the `beforeAll` that starts it and the `afterAll` that ends it.
 */
import { afterAll, beforeAll } from '@jest/globals';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { charged, publishedPrices } from './http.js';

export const MODEL = 'openai/gpt-4o-mini';
export const STRANGER = 'sk-mcp-nobody00-0123456789abcdefghijklmnop';
export const FIGURES = '[[chunks=2 prompt=1003 cached=401 completion=77 reasoning=13]]';

export let upstream: FakeUpstream;
export let gateway: Gateway;
export let customer: Customer;
export let poor: Customer;
/** What the figures above cost at the published prices. */
export let cost: number;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream });
  customer = await gateway.admin.openCustomer({ credits: 1_000 });
  poor = await gateway.admin.openCustomer({ credits: 0 });
  const price = await publishedPrices(gateway, MODEL);
  cost = charged(602n * price.prompt + 401n * price.cached + 77n * price.completion);
});

afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

export const messages = (content: string) => [{ role: 'user' as const, content }];
