/** Disputes as an administrator asks for them, from the real program. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { ledger } from '../support/ledger-command.js';
import { ACCOUNTS, account, administer, publishCreditPerToken, spend } from './administration.js';
import type { Json } from './http.js';

const DISPUTES = '/api/v3/admin/disputes';
const RESPOND_BY = '2999-01-01T00:00:00.000Z';
let upstream: FakeUpstream;
let gateway: Gateway;
let customer: Customer;
let generation: string;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ upstream, env: { LOG_LEVEL: 'warn' } });
  await publishCreditPerToken(gateway);
  customer = await gateway.admin.openCustomer({ credits: 100, tier: 'internal' });
  generation = await spend(gateway, customer.key, 4);
});
afterAll(async () => {
  await gateway?.dispose();
  await upstream?.close();
});

const post = async (path: string, body?: object): Promise<{ status: number; json: Json }> =>
  administer(gateway, 'POST', `${DISPUTES}${path}`, body);
const get = async (path: string): Promise<{ status: number; json: Json }> => administer(gateway, 'GET', `${DISPUTES}${path}`);
const usage = (dispute_id: string, more: object = {}) => ({
  dispute_id,
  account_id: customer.userId,
  kind: 'usage',
  generation_ids: [generation],
  reason_code: 'not_as_described',
  respond_by: RESPOND_BY,
  opened_by: 'ann',
  ...more,
});
const decision = { decision_id: 'one', decision: 'refund', decided_by: 'bob', reason: 'a broken answer' };

describe('a dispute of usage', () => {
  test('is opened, answered, refunded once, listed, and leaves a ledger that verifies', async () => {
    const opened = await post('', usage('u1'));
    expect([opened.status, opened.json.state, opened.json.sealed_evidence[0].evidence]).toEqual([
      201,
      'needs_response',
      'pending',
    ]);
    const note = { evidence_id: 'e1', kind: 'note', note: 'seen in the log', added_by: 'ann' };
    expect((await post('/u1/evidence', note)).json.evidence).toMatchObject([{ evidence_id: 'e1', kind: 'note' }]);
    expect((await post('/u1/submit', { submission_id: 's1', submitted_by: 'ann' })).json.state).toBe('under_review');
    const { json: refunded } = await post('/u1/decide', decision);
    expect(refunded).toMatchObject({
      state: 'refunded',
      consequences: { state: 'done', effects: [{ effect: 'refunded', generation_id: generation, amount: '4' }] },
    });
    expect((await post('/u1/decide', decision)).json).toEqual(refunded);
    expect((await account(gateway, customer.userId)).available).toBe('100');
    const { json: shown } = await get('/u1');
    expect(shown.history.map(({ type }: Json) => type)).toEqual(
      expect.arrayContaining(['DisputeOpened', 'EvidenceAdded', 'EvidenceSubmitted', 'DisputeDecided', 'DisputeCarriedOut']),
    );
    expect((await get('/u1/evidence')).json.added).toMatchObject([{ note: 'seen in the log' }]);
    const { json: list } = await get(`?state=refunded&account_id=${customer.userId}&min_position=${refunded.position}`);
    expect(list.data).toMatchObject([{ dispute_id: 'u1', state: 'refunded', carried_out: true }]);
    expect((await get('?respond_by_before=2998-01-01T00:00:00Z')).json.data).toEqual([]);
    const { status, stdout } = await ledger(['verify', '--data-dir', gateway.dataDir]);
    expect([status, stdout]).toEqual([0, expect.any(String)]);
  });

  test.each<[object, number, string, string]>([
    [{ generation_ids: ['gen-nobody'] }, 404, 'generation_not_found', 'generation_ids'],
    [{ account_id: 'nobody00' }, 404, 'account_not_found', 'account_id'],
    [{ amount: '4.1' }, 422, 'dispute_exceeds_cost', 'amount'],
    [{ kind: 'payment' }, 400, 'invalid_request', 'payment_id'],
    [{ kind: 'payment', generation_ids: undefined, payment_id: 'nobody' }, 404, 'payment_not_found', 'payment_id'],
    [{ respond_by: '2020-01-01T00:00:00Z' }, 400, 'invalid_request', 'respond_by'],
    [{ dispute_id: 'a:2' }, 400, 'invalid_request', 'dispute_id'],
  ])('that cannot be opened (%j) is refused with %i, and is not there', async (more, status, code, param) => {
    const answer = await post('', usage('refused', more));
    expect([answer.status, answer.json.error.code, answer.json.error.param]).toEqual([status, code, param]);
    expect((await get('/refused')).status).toBe(404);
  });

  test('says which state stands in the way', async () => {
    await post('', usage('u2'));
    const frozen = await post('/u2/freeze');
    expect([frozen.status, frozen.json.error.code]).toEqual([409, 'nothing_to_freeze']);
    const again = { reopening_id: 'r', reason: 'r', by: 'ann', respond_by: RESPOND_BY };
    const { status, json } = await post('/u2/reopen', again);
    expect([status, json.error.code, json.error.message]).toEqual([
      409,
      'dispute_state',
      expect.stringContaining('"needs_response"'),
    ]);
  });

  test('the old endpoints know the dispute of a payment that was opened here', async () => {
    const grant = { grant_id: 'paid', amount: '10', kind: 'top_up', payment_id: 'pay-1' };
    expect((await administer(gateway, 'POST', `${ACCOUNTS}/${customer.userId}/grants`, grant)).status).toBeLessThan(300);
    const payment = { ...usage('p1'), kind: 'payment', generation_ids: undefined, payment_id: 'pay-1' };
    expect((await post('', payment)).json.frozen).toMatchObject({ claimed: '10', amount: '10' });
    const old = { dispute_id: 'p1', payment_id: 'pay-1' };
    const known = await administer(gateway, 'POST', `${ACCOUNTS}/${customer.userId}/disputes`, old);
    expect(known.json).toMatchObject({ claimed: '10', frozen: [{ amount: '10' }] });
    const lost = await post('/p1/decide', { ...decision, decision: 'claw_back' });
    expect(lost.json).toMatchObject({ state: 'lost', consequences: { effects: [{ effect: 'clawed_back', amount: '10' }] } });
  });
});
