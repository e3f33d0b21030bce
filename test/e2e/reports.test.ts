/** Every report of the program, from a billed call to a file that adds up. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ADMIN_TOKEN, type Customer, type Gateway, startGateway } from '../support/gateway.js';
import { clearOfMidnight } from '../support/midnight.js';
import { administer } from './administration.js';
import { ask, chat, eventually, type Json, send } from './http.js';

await clearOfMidnight();

const REPORTS = '/api/v3/admin/reports';
const WITHIN_MS = 45_000;

let gateway: Gateway;
let customer: Customer;
beforeAll(async () => {
  gateway = await startGateway();
  // Of the statement of one account, that of another must be no part.
  await gateway.admin.openCustomer({ credits: 7 });
  await gateway.admin.openCustomer({ credits: 7 });
  customer = await gateway.admin.openCustomer({ credits: 5 });
  const { status } = await ask(gateway, '/v1/chat/completions', { key: customer.key, body: chat('Hello') });
  expect(status).toBe(200);
  const day = periodNow('day');
  const imported = await ask(gateway, `/api/v3/admin/reconciliations?provider=demo&first_day=${day}&last_day=${day}`, {
    key: ADMIN_TOKEN,
    headers: { 'content-type': 'text/csv' },
    body: `day,model,requests,cost\n${day},gpt-4o-mini,2,0.5\n${day},unheard-of,1,\n`,
  });
  expect(imported.status).toBe(201);
});
afterAll(() => gateway.dispose());

const periodNow = (covers: string): string => new Date().toISOString().slice(0, covers === 'day' ? 10 : 7);

async function finished(body: object): Promise<Json> {
  const { status, json, text } = await administer(gateway, 'POST', REPORTS, body);
  if (status !== 202) throw new Error(`${status} ${text}`);
  return eventually(async () => {
    const run = (await administer(gateway, 'GET', `${REPORTS}/${json.id}`)).json;
    if (run.state !== 'done') throw new Error(JSON.stringify(run));
    return run;
  }, WITHIN_MS);
}

describe('every report of the catalogue', () => {
  test.each(['daily-usage', 'monthly-statement', 'deferred-revenue', 'trial-balance', 'provider-reconciliation'])(
    '%s comes as files that have the digests of its control record',
    async (report) => {
      const { data } = (await administer(gateway, 'GET', `${REPORTS}/catalogue`)).json;
      const { covers } = data.find(({ name }: Json) => name === report);
      const { id, control, provisional } = await finished({ report, period: periodNow(covers), allow_open: true });
      expect([provisional, control.rows > 0]).toEqual([true, true]);
      for (const format of ['csv', 'jsonl', 'parquet']) {
        const answer = await send(gateway, `${REPORTS}/${id}/download?format=${format}`, { key: ADMIN_TOKEN });
        const bytes = Buffer.from(await answer.arrayBuffer());
        expect({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }).toEqual(control.files[format]);
      }
      const { data: schedules } = (await administer(gateway, 'GET', '/api/v3/admin/schedules')).json;
      expect(schedules.map(({ id }: Json) => id)).toContain(report);
    },
  );

  test('debits and credits of the trial balance are the same', async () => {
    const { control } = await finished({ report: 'trial-balance', period: periodNow('month'), allow_open: true });
    expect(control.totals.debits).toBe(control.totals.credits);
    expect(control.totals.debits).not.toBe('0');
  });

  test('the statement of one account is about that one alone', async () => {
    const body = { report: 'monthly-statement', period: periodNow('month'), allow_open: true, account_id: customer.userId };
    const { id } = await finished(body);
    const { text } = await ask(gateway, `${REPORTS}/${id}/download?format=jsonl`, { key: ADMIN_TOKEN });
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(new Set(rows.map((row) => row.account_id))).toEqual(new Set([customer.userId]));
    expect(rows.map((row) => row.line)).toEqual(['opening', 'entry', 'entry', 'closing']);
  });

  test('what a provider states and what was charged stand beside each other, line by line', async () => {
    const { id, control } = await finished({ report: 'provider-reconciliation', period: periodNow('month'), allow_open: true });
    expect(control.totals.debits).toBe('0.5');
    const { text } = await ask(gateway, `${REPORTS}/${id}/download?format=jsonl`, { key: ADMIN_TOKEN });
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    expect(rows.map((row) => [row.model, row.class, row.provider_requests, row.charged_requests])).toEqual([
      ['gpt-4o-mini', 'request_difference', 2, 1],
      ['unheard-of', 'missing_here', 1, null],
    ]);
  });

  test('is not made of a month that is not over, nor of nobody', async () => {
    const body = { report: 'monthly-statement', period: periodNow('month') };
    expect((await administer(gateway, 'POST', REPORTS, body)).json.error.code).toBe('period_open');
    expect((await administer(gateway, 'POST', REPORTS, { ...body, period: '2026-01', account_id: 'nobodyhere' })).status).toBe(
      404,
    );
  });
});
