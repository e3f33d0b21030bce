import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ADMIN_TOKEN, type Gateway, startGateway } from '../support/gateway.js';
import { clearOfMidnight } from '../support/midnight.js';
import { ask, chat, type Json } from './http.js';

await clearOfMidnight();

const PATH = '/api/v3/admin/reconciliations';
const TODAY = new Date().toISOString().slice(0, 'yyyy-mm-dd'.length);
const HEADER = 'day,model,requests,prompt_tokens,completion_tokens,cost';

let gateway: Gateway;
/** What the demo provider has really served. */
let served: { model: string; requests: number; prompt: number; completion: number; cost: string };

beforeAll(async () => {
  gateway = await startGateway();
  const { key, userId } = await gateway.admin.openCustomer();
  let [prompt, completion] = [0, 0];
  for (const words of ['Hello!', 'What is a ledger?', 'And a lot?']) {
    const { status, json } = await ask(gateway, '/v1/chat/completions', { key, body: chat(words) });
    expect(status).toBe(200);
    prompt += json.usage.prompt_tokens;
    completion += json.usage.completion_tokens;
  }
  const account = await ask(gateway, `/api/v3/admin/accounts/${userId}`, { key: ADMIN_TOKEN });
  const cost = (10 - Number(account.json.available)).toFixed(9);
  served = { model: 'gpt-4o-mini', requests: 3, prompt, completion, cost };
});

afterAll(() => gateway?.dispose());

const importCsv = (rows: readonly string[], query = '') =>
  ask(gateway, `${PATH}?provider=demo&first_day=${TODAY}&last_day=${TODAY}${query}`, {
    key: ADMIN_TOKEN,
    headers: { 'content-type': 'text/csv' },
    body: [HEADER, ...rows].join('\r\n'),
  });
const row = (about: Partial<typeof served> = {}): string => {
  const { model, requests, prompt, completion, cost } = { ...served, ...about };
  return [TODAY, model, requests, prompt, completion, cost].join(',');
};
const shown = (path: string, headers = {}) => ask(gateway, `${PATH}${path}`, { key: ADMIN_TOKEN, headers });

test('what the provider served and what was charged agree, to the token and the nano-credit', async () => {
  const { status, json, headers } = await importCsv([row()], '&tolerance_percent=0');
  expect([status, json.counts.matched, json.lines]).toEqual([201, 1, 1]);
  expect(headers.get('x-ledger-position')).toBe(json.position);
  expect(json).toMatchObject({ charged: String(Number(served.cost)), margin: '0', provider: 'demo', rows: 1 });
  expect((await shown(`/${json.reconciliation_id}`)).json).toEqual(json);
  expect((await shown(`/${json.reconciliation_id}/differences`)).json).toEqual({ data: [], next: null });
});

test('the same file again is the same reconciliation, and nothing is written', async () => {
  const first = await importCsv([row({ requests: 4 })]);
  const again = await importCsv([row({ requests: 4 })]);
  expect(again.json).toEqual(first.json);
  const { json } = await shown('?provider=demo');
  const ids = json.data.map((each: Json) => each.reconciliation_id);
  expect(ids.filter((id: string) => id === first.json.reconciliation_id)).toHaveLength(1);
});

test('what differs is listed, as JSON and as CSV', async () => {
  const { json } = await importCsv([row({ completion: served.completion - 1 }), row({ model: 'unheard-of' })]);
  expect(json.counts).toMatchObject({ token_difference: 1, missing_here: 1, matched: 0 });
  const all = (await shown(`/${json.reconciliation_id}/differences`)).json.data;
  expect(all.map((line: Json) => [line.model, line.class])).toEqual([
    ['gpt-4o-mini', 'token_difference'],
    ['unheard-of', 'missing_here'],
  ]);
  expect(all[0]).toMatchObject({
    provider_completion_tokens: String(served.completion - 1),
    charged_completion_tokens: String(served.completion),
  });
  const one = (await shown(`/${json.reconciliation_id}/differences?limit=1`)).json;
  expect((await shown(`/${json.reconciliation_id}/differences?after=${one.next}`)).json.data).toEqual(all.slice(1));
  const csv = await shown(`/${json.reconciliation_id}/differences?class=missing_here`, { accept: 'text/csv' });
  expect(csv.headers.get('content-type')).toMatch(/^text\/csv/);
  const [header, line, end] = csv.text.split('\r\n');
  expect(header).toMatch(/^model,day,class,provider_requests,charged_requests,/);
  expect(line).toMatch(new RegExp(`^unheard-of,${TODAY},missing_here,3,,,${served.prompt},,${served.completion},,`));
  expect(end).toBe('');
});

test('a spreadsheet runs nothing of the file, and no line is a header too', async () => {
  const { json } = await importCsv([row({ model: '=HYPERLINK(1)' }), row()]);
  const lines = (query: string) => shown(`/${json.reconciliation_id}/differences?format=csv&${query}`);
  const found = await lines('class=missing_here');
  expect(found.headers.get('content-disposition')).toBe(`attachment; filename="reconciliation-${json.reconciliation_id}.csv"`);
  const [header, line] = found.text.split('\r\n');
  expect(line).toMatch(/^'=HYPERLINK\(1\),/);
  expect(line).toMatch(/,-[\d.]+$/);
  expect((await lines('class=late')).text).toBe(`${header}\r\n`);
});

test('more rows than can be compared at once are refused', async () => {
  const { status, json } = await importCsv(Array.from({ length: 100_001 }, (_, n) => `${TODAY},m${n},1,1,1,1`));
  expect([status, json.error.metadata.rows]).toEqual([400, [{ line: 100_002, field: '', problem: 'is more than 100000 rows' }]]);
});

test.each(['after=2147483648', 'after=-2', 'limit=10001', 'limit=1&limit=2'])('a page that is none: %s', async (query) => {
  const { json } = await importCsv([row({ model: 'paged' })]);
  const { status, json: refused } = await shown(`/${json.reconciliation_id}/differences?${query}`);
  expect([status, refused.error.param]).toEqual([400, query.split('=')[0]]);
});

test('one bad row and nothing is imported: all of them are listed', async () => {
  const before = (await shown('')).json.data.length;
  const { status, json } = await importCsv([row(), row(), `${TODAY},x,many,1,1,1`, `2020-01-01,x,1,1,1,1`]);
  expect([status, json.error.code, json.error.metadata.problems]).toEqual([400, 'bad_rows', 3]);
  expect(json.error.metadata.rows.map(({ line, field }: Json) => [line, field])).toEqual([
    [3, 'model'],
    [4, 'requests'],
    [5, 'day'],
  ]);
  expect((await shown('')).json.data).toHaveLength(before);
});

test.each([
  ['provider=Demo&first_day=2026-03-01&last_day=2026-03-01', 'provider'],
  ['provider=demo&first_day=2026-02-30&last_day=2026-03-01', 'first_day'],
  ['provider=demo&first_day=2026-03-02&last_day=2026-03-01', 'last_day'],
  ['provider=demo&first_day=2024-03-02&last_day=2026-03-01', 'last_day'],
  ['provider=demo&first_day=2026-03-01', 'last_day'],
  ['provider=demo&first_day=2026-03-01&last_day=2026-03-01&tolerance_percent=-1', 'tolerance_percent'],
  ['provider=demo&first_day=2026-03-01&last_day=2026-03-01&tolerance_percent=', 'tolerance_percent'],
  ['provider=demo&first_day=2026-03-01&last_day=2026-03-01&tolerance_percent=101', 'tolerance_percent'],
  ['provider=demo&first_day=2026-03-01&last_day=2026-03-01&currency=EUR', 'currency'],
])('a wrong range is refused and the field named: %s', async (query, field) => {
  const { status, json } = await ask(gateway, `${PATH}?${query}`, {
    key: ADMIN_TOKEN,
    headers: { 'content-type': 'text/csv' },
    body: `${HEADER}\n2026-03-01,a,1,1,1,1`,
  });
  expect([status, json.error.param]).toEqual([400, field]);
});

test('only the administration may ask, and an unknown reconciliation is none', async () => {
  expect((await ask(gateway, PATH)).status).toBe(401);
  expect((await shown('/0')).status).toBe(404);
  expect((await shown(`/${'0'.repeat(64)}/differences`)).status).toBe(404);
});
