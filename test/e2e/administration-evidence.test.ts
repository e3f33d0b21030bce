/** What the administration reads back from an account's stream, and an account whose stream cannot be read. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AccountWriter } from '../../src/accounts/account-writer.js';
import type { AccountCommand } from '../../src/accounts/domain/account.decider.js';
import type { SettleReservation } from '../../src/accounts/domain/settle-reservation.js';
import { findFirstEffect } from '../../src/accounts/find-first-effect.js';
import { findPayers } from '../../src/accounts/find-payers.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import { startTemporaryNode, type TemporaryNode } from '../support/event-store-node.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ACCOUNTS, account, administer, done } from './administration.js';
import { ask, chat } from './http.js';

let node: TemporaryNode;
let store: EventStore;

beforeAll(async () => {
  node = await startTemporaryNode();
  store = new EventStore(node.connectionString);
});

afterAll(async () => {
  await store?.close();
  await node?.dispose();
});

const settlement = (reservationId: string, cost: bigint): SettleReservation => ({
  type: 'SettleReservation',
  reservationId,
  model: 'a/model',
  cost: { exact: `${cost * 1000n}`, rounded: `${cost}`, lines: [] },
  usage: { classes: {}, source: 'provider' },
  priceVersion: 'a/model@1',
  formulaVersion: 'cost@1',
  attempts: [],
  outcome: 'completed',
});

describe('evidence from the stream', () => {
  const quote = { model: 'a/model', priceVersion: 'a/model@1', promptTokensMax: 1, completionTokensMax: 1 };
  const reservation = (id: string): AccountCommand => ({
    type: 'ReserveCredits',
    reservationId: id,
    generationId: `gen-${id}`,
    keyId: 'k',
    amount: nano(50n),
    quote,
    settleWithinMs: 60_000,
  });
  const grant = (grantId: string, amount: bigint, priority: number): AccountCommand => ({
    type: 'GrantCredits',
    grantId,
    kind: 'top_up',
    amount: nano(amount),
    priority,
  });

  /** Two lots of 60 and 100, and three generations: one that was settled, one charged late, one that goes on. */
  async function opened(): Promise<{ accountId: string; execute: (command: AccountCommand) => Promise<void> }> {
    const accountId = randomUUID().replaceAll('-', '').slice(0, 24);
    const writer = new AccountWriter(store, { now: () => Date.now() });
    let commands = 0;
    const execute = async (command: AccountCommand): Promise<void> => {
      commands += 1;
      const actor = { type: 'system', id: 'test' } as const;
      const { rejection } = await writer.execute(accountId, command, { commandId: `c${commands}`, correlationId: 'c', actor });
      if (rejection) throw new Error(`${command.type}: ${rejection.reason}`);
    };
    await execute({ type: 'OpenAccount', accountId, username: 'u', tier: 'free', welcomeCredits: nano(0n) });
    const terms = { name: 'k', limit: undefined, limitReset: undefined, expiresAt: undefined };
    await execute({ type: 'IssueApiKey', keyId: 'k', secretHash: 'a'.repeat(64), ...terms });
    await execute(grant('first', 60n, 1));
    await execute(grant('second', 100n, 2));
    for (const id of ['settled', 'late', 'open']) await execute(reservation(id));
    await execute(settlement('settled', 50n));
    await execute({ type: 'ReleaseReservation', reservationId: 'late', reason: 'abandoned' });
    return { accountId, execute };
  }

  it('says who paid, in the order of debit, also for what was charged late', async () => {
    const { accountId, execute } = await opened();
    const payersOf = (generationId: string) => findPayers(store, accountId, generationId);
    expect(await payersOf('gen-settled')).toEqual({ debits: [{ lotId: 'lot-1', amount: '50' }], shortfall: 0n });
    expect(await payersOf('gen-late')).toBe('not_charged');
    expect(await payersOf('gen-open')).toBe('not_charged');
    expect(await payersOf('gen-none')).toBeUndefined();
    // Of 160, 50 are paid and 50 are held: 10 of the first lot and 50 of the second one are free.
    await execute(settlement('late', 65n));
    expect(await payersOf('gen-late')).toEqual({
      debits: [
        { lotId: 'lot-1', amount: '10' },
        { lotId: 'lot-2', amount: '50' },
      ],
      shortfall: 5n,
    });
  });

  it('says what a command made happen, all of it, and where it ends', async () => {
    const { accountId, execute } = await opened();
    await execute(settlement('late', 65n));
    await execute(grant('third', 7n, 3));
    await execute(grant('fourth', 8n, 3));
    const third = await findFirstEffect(
      store,
      accountId,
      ({ type, data }) => type === 'CreditsGranted' && data.grantId === 'third',
    );
    expect(third?.events.map(({ type }) => type)).toEqual(['CreditsGranted', 'ShortfallRepaid']);
    const positions: bigint[] = [];
    for await (const { position, type } of store.read(`account-${accountId}`))
      if (type === 'ShortfallRepaid') positions.push(position);
    expect(positions).toEqual([third?.position]);
    expect(await findFirstEffect(store, accountId, () => false)).toBeUndefined();
  });
});

it('two processes: nothing to do is not said of what another has changed meanwhile', async () => {
  const env = { LOG_LEVEL: 'warn', ROLES: 'api,projections', EVENTSTORE_URL: node.connectionString };
  const [one, other] = await Promise.all([startGateway({ env }), startGateway({ env })]);
  try {
    const userId = await one.admin.openAccount({ tier: 'premium' });
    const { hash } = await one.admin.issueKey(userId, { limit: 5 });
    await done(other, 'PATCH', userId, { tier: 'free' });
    await done(other, 'PATCH', `${userId}/keys/${hash}`, { limit: 6 });
    await done(one, 'PATCH', userId, { tier: 'premium' });
    await done(one, 'PATCH', `${userId}/keys/${hash}`, { limit: 5 });
    expect(await account(other, userId)).toMatchObject({ tier: 'premium', keys: [{ hash, limit: '5' }] });
  } finally {
    await Promise.all([one.dispose(), other.dispose()]);
  }
});

describe('an account whose stream holds what nobody can read', () => {
  let gateway: Gateway;
  let customer: Customer;

  beforeAll(async () => {
    const env = { LOG_LEVEL: 'warn', ROLES: 'api,projections', EVENTSTORE_URL: node.connectionString };
    gateway = await startGateway({ env });
    customer = await gateway.admin.openCustomer();
    const stream = `account-${customer.userId}`;
    const hash = 'f'.repeat(64);
    const event = { id: randomUUID(), type: 'CreditsConjured', hash, dataJson: '{"secret":"canary"}', metadataJson: '{}' };
    await store.append(stream, [event], 'any');
  });

  afterAll(async () => {
    await gateway?.dispose();
  });

  it('is stopped for inspection: nothing is written, and nothing is told of what it is', async () => {
    const answers = [
      await administer(gateway, 'GET', `${ACCOUNTS}/${customer.userId}`),
      await administer(gateway, 'PATCH', `${ACCOUNTS}/${customer.userId}`, { tier: 'free' }),
      await administer(gateway, 'POST', `${ACCOUNTS}/${customer.userId}/grants`, { grant_id: 'g', kind: 'promo', amount: 1 }),
      await administer(gateway, 'POST', `${ACCOUNTS}/${customer.userId}/refunds`, {
        refund_id: 'r',
        generation_id: 'g',
        reason: 'x',
      }),
      await ask(gateway, '/v1/chat/completions', { key: customer.key, body: chat('Hello!') }),
    ];
    for (const { status, json, text } of answers) {
      expect(status).toBe(500);
      expect(json).toEqual({
        error: {
          message: 'This account is stopped for inspection: its ledger holds an entry that cannot be read. Nothing was written.',
          type: 'server_error',
          code: 'account_unreadable',
          metadata: { error_type: 'server' },
        },
      });
      expect(text).not.toContain('canary');
    }
    const types: string[] = [];
    for await (const { type } of store.readBackwards(`account-${customer.userId}`)) types.push(type);
    expect(types[0]).toBe('CreditsConjured');
  });

  it('does not stop the others', async () => {
    const other = await gateway.admin.openCustomer({ credits: 2 });
    expect(await account(gateway, other.userId)).toMatchObject({ available: '2' });
    expect((await ask(gateway, '/v1/chat/completions', { key: other.key, body: chat('Hello!') })).status).not.toBe(500);
  });
});
