/** Closing months over HTTP, the journal and its trial balance. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { monthAfter, monthBefore } from '../../src/periods/domain/periods.events.js';
import { type Gateway, startGateway } from '../support/gateway.js';
import { clearOfMidnight } from '../support/midnight.js';
import { administer } from './administration.js';
import { ask, chat, type Json } from './http.js';

await clearOfMidnight();

const PERIODS = '/api/v3/admin/periods';
const POSITION = expect.stringMatching(/^\d+$/);
const NOW = new Date().toISOString().slice(0, 'yyyy-mm'.length);
/** Over for more than a month, whatever the day. */
const THIRD = monthBefore(monthBefore(monthBefore(NOW)));
const SECOND = monthAfter(THIRD);

let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { LOG_LEVEL: 'warn', ROLES: 'api,projections' } });
});
afterAll(() => gateway?.dispose());

const close = (period: string, body: object = { closed_by: 'person-1' }) =>
  administer(gateway, 'POST', `${PERIODS}/${period}/close`, body);
const reopen = (period: string, body: object) => administer(gateway, 'POST', `${PERIODS}/${period}/reopen`, body);
const get = async (path: string): Promise<Json> => {
  const { status, json, text } = await administer(gateway, 'GET', path);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return json;
};

describe('periods', () => {
  it('are closed once, one after the other, and asked again answer the same', async () => {
    expect(await get(PERIODS)).toEqual({ closed_through: null, data: [] });
    const first = await close(THIRD, { closed_by: 'person-1', reason: 'month end' });
    expect([first.status, first.json]).toEqual([
      200,
      {
        period: THIRD,
        status: 'closed',
        closed_at: expect.any(String),
        closed_by: 'person-1',
        close_reason: 'month end',
        up_to: expect.stringMatching(/^-?\d+$/),
        closed_position: POSITION,
        position: POSITION,
      },
    ]);
    expect((await close(THIRD, { closed_by: 'person-2' })).json).toEqual(first.json);
    const second = await close(SECOND);
    expect(second.status).toBe(200);
    expect((await close(THIRD)).json).toEqual(first.json);
    expect(await get(PERIODS)).toEqual({ closed_through: SECOND, data: [first.json, second.json] });
    expect(await get(`${PERIODS}/${SECOND}`)).toEqual(second.json);
  });

  it('are opened again only from the last, by two persons, and asked again answer the same', async () => {
    const persons = { requested_by: 'person-1', approved_by: 'person-2', reason: 'a late invoice' };
    expect((await reopen(THIRD, persons)).json.error).toMatchObject({ code: 'period_not_last', param: 'period' });
    const alone = { ...persons, approved_by: 'person-1' };
    expect((await reopen(SECOND, alone)).json.error).toMatchObject({ code: 'invalid_request', param: 'approved_by' });
    const opened = await reopen(SECOND, persons);
    expect(opened.json).toMatchObject({ period: SECOND, status: 'open', reopen_approved_by: 'person-2' });
    expect((await reopen(SECOND, persons)).json).toEqual(opened.json);
    expect(await get(PERIODS)).toMatchObject({ closed_through: THIRD });
    expect((await reopen(SECOND, { ...persons, approved_by: 'person-3' })).json.error.code).toBe('period_not_closed');
    const closed = await close(SECOND, { closed_by: 'person-3' });
    expect(closed.json).toMatchObject({ status: 'closed', closed_by: 'person-3' });
    expect(closed.json).not.toHaveProperty('reopened_at');
  });

  it('two closings at once leave no gap and one event', async () => {
    const persons = { requested_by: 'person-1', approved_by: 'person-2', reason: 'again' };
    expect((await reopen(SECOND, persons)).status).toBe(200);
    const answers = await Promise.all(['a', 'b', 'c'].map((person) => close(SECOND, { closed_by: person })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it.each([
    ['of now, with another before it open', NOW, 409, 'period_out_of_order'],
    ['out of order', monthBefore(THIRD), 409, 'period_out_of_order'],
    ['that is no month', '2026-13', 400, 'invalid_request'],
    ['that is no month at all', 'last', 400, 'invalid_request'],
  ])('a period %s is not closed, and the answer names it', async (_, period, status, code) => {
    const answer = await close(period);
    expect([answer.status, answer.json.error]).toEqual([status, expect.objectContaining({ code, param: 'period' })]);
  });

  it('bodies and periods that are wrong are refused by name', async () => {
    expect((await close(NOW, {})).json.error.param).toBe('closed_by');
    expect((await close(NOW, { closed_by: 'somebody@example.com' })).json.error.param).toBe('closed_by');
    expect((await reopen(SECOND, { requested_by: 'a', approved_by: 'b' })).json.error.param).toBe('reason');
    expect((await administer(gateway, 'GET', `${PERIODS}/1999-01`)).json.error).toMatchObject({
      code: 'period_not_found',
      param: 'period',
    });
    expect((await ask(gateway, PERIODS, { key: 'sk-no' })).status).toBe(401);
  });
});

describe('the journal', () => {
  it('has double entry of a grant and a call, and a trial balance that balances', async () => {
    const customer = await gateway.admin.openCustomer({ credits: 0 });
    const grant = await gateway.admin.grant(customer.userId, { amount: 5, kind: 'promo' });
    const of = `account_id=${customer.userId}&min_position=${grant['position']}`;
    const { data, next_position: next } = await get(`/api/v3/admin/journal?${of}`);
    expect(next).toBeNull();
    expect(data.at(-1)).toMatchObject({
      position: grant['position'],
      type: 'CreditsGranted',
      period: NOW,
      original_period: null,
      lines: [
        { ledger_account: 'promotional_expense', debit: '5', credit: null },
        { ledger_account: 'available:promo', debit: null, credit: '5' },
      ],
    });
    const called = await ask(gateway, '/v1/chat/completions', { key: customer.key, body: chat('hello', { max_tokens: 5 }) });
    expect(called.status).toBe(200);
    const { position } = await get(`/api/v3/admin/accounts/${customer.userId}`);
    const newest = await get(`/api/v3/admin/journal?account_id=${customer.userId}&min_position=${position}&order=newest&limit=2`);
    expect(newest.data.map((entry: Json) => entry.type)).toEqual(['ReservationSettled', 'CreditsReserved']);
    const more = await get(
      `/api/v3/admin/journal?account_id=${customer.userId}&order=newest&from_position=${newest.next_position}`,
    );
    expect([...newest.data, ...more.data].reverse()).toEqual(
      (await get(`/api/v3/admin/journal?account_id=${customer.userId}&period=${NOW}`)).data,
    );

    const balance = await get(`/api/v3/admin/trial-balance?period=${NOW}&account_id=${customer.userId}&min_position=${position}`);
    expect(balance.debits).toBe(balance.credits);
    const { available } = await get(`/api/v3/admin/accounts/${customer.userId}`);
    const row = balance.data.find((each: Json) => each.ledger_account === 'available:promo');
    expect(row.closing).toBe(`-${available}`);
    const all = await get(`/api/v3/admin/trial-balance?period=${NOW}`);
    expect(all.debits).toBe(all.credits);
  });

  it.each([
    ['journal?account_id=NOBODY', 'account_id'],
    ['journal?period=2026', 'period'],
    ['journal?from_position=-1', 'from_position'],
    ['journal?limit=0', 'limit'],
    ['journal?limit=1001', 'limit'],
    ['journal?min_position=99999999999999999999', 'min_position'],
    ['journal?order=up', 'order'],
    ['journal?x=1', 'x'],
    ['trial-balance', 'period'],
    ['trial-balance?period=2026-00', 'period'],
  ])('%s is refused by name', async (path, param) => {
    const { status, json } = await administer(gateway, 'GET', `/api/v3/admin/${path}`);
    expect([status, json.error.param]).toEqual([400, param]);
  });
});
