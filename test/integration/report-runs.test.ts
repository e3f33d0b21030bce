/** Reports are asked for, carried out by the queue and handed out over HTTP. */
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { EventStore } from '../../src/event-store/event-store.js';
import { FinanceDatabase } from '../../src/reports/finance-database.js';
import { ReportCatalogue } from '../../src/reports/index.js';
import { RunReportJob } from '../../src/reports/run-report.job.js';
import { RunsTable } from '../../src/reports/runs-table.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type ReportWorld, runIn, startReportWorld } from '../support/report-world.js';

const REPORTS = '/api/v3/admin/reports';
const AT = Date.UTC(2026, 1, 3, 4, 5, 6, 7);

let world: ReportWorld;
let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await createDatabase();
  world = await startReportWorld(databaseUrl);
  beforeStop(() => world.close());
  world.monthly.rows = [
    [5n, AT, 'plain', 7n, 1_500_000_000n, 0n],
    [6n, AT, 'with "quotes", a comma\r\nand a line', 9_007_199_254_740_993n, 0n, 1_500_000_001n],
    [9n, AT + 1, null, 0n, -1n, 0n],
    [3n, AT + 2, '=SUM(A1)', 1n, 123_456_789_012_345_678_901_234_567n, 0n],
    [10n, AT + 3, 'ö€😀', 2n, 0n, -999_999_999n],
  ];
});

const requested = async (body: object) => (await world.ask('POST', REPORTS, body)).json;
const download = (id: string, format: string, headers: Record<string, string> = {}) =>
  world.ask('GET', `${REPORTS}/${id}/download?format=${format}`, undefined, headers);

describe('a finished run', () => {
  let id: string;
  beforeAll(async () => {
    const { status, json } = await world.ask('POST', REPORTS, { report: 'made-up-monthly', period: '2026-02' });
    expect(status).toBe(202);
    id = json.id;
    await runIn(world, id, 'done');
  });

  test('shows its scope, its progress and its control record', async () => {
    const { json } = await world.ask('GET', `${REPORTS}/${id}`);
    expect(json).toMatchObject({
      id,
      report: 'made-up-monthly',
      period: '2026-02',
      from: '2026-02-01T00:00:00.000Z',
      until: '2026-03-01T00:00:00.000Z',
      up_to: '-1',
      provisional: false,
      state: 'done',
      progress: { phase: 'done', rows: 5 },
      totals: { debits: '123456789012345680.401234566', credits: '0.500000002' },
      attempts: 1,
      error: null,
    });
    expect(json.control).toMatchObject({
      rows: 5,
      totals: { debits: '123456789012345680.401234566', credits: '0.500000002' },
      first_position: '3',
      last_position: '10',
      checkpoint: null,
      scope: { period: '2026-02', up_to: '-1', account_id: null },
    });
  });

  test('asked for again while nothing was added to the ledger is the same run', async () => {
    expect((await requested({ report: 'made-up-monthly', period: '2026-02' })).id).toBe(id);
    expect((await requested({ report: 'made-up-monthly', period: '2026-01' })).id).not.toBe(id);
  });

  test('is CSV of RFC 4180, where a text that is a formula is none', async () => {
    const { status, bytes, headers } = await download(id, 'csv');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(headers.get('content-disposition')).toBe('attachment; filename="made-up-monthly-2026-02.csv"');
    expect(bytes.toString()).toBe(
      [
        'position,occurred_at,note,tokens,debit,credit',
        '5,2026-02-03T04:05:06.007Z,plain,7,1.5,0',
        '6,2026-02-03T04:05:06.007Z,"with ""quotes"", a comma\r\nand a line",9007199254740993,0,1.500000001',
        '9,2026-02-03T04:05:06.008Z,,0,-0.000000001,0',
        "3,2026-02-03T04:05:06.009Z,'=SUM(A1),1,123456789012345678.901234567,0",
        '10,2026-02-03T04:05:06.010Z,ö€😀,2,0,-0.999999999',
        '',
      ].join('\r\n'),
    );
    expect(parse(bytes, { columns: true })).toHaveLength(5);
  });

  test('is JSON Lines with exact amounts', async () => {
    const lines = (await download(id, 'jsonl')).bytes.toString().trimEnd().split('\n');
    expect(lines[1]).toBe(
      '{"credit":"1.500000001","debit":"0","note":"with \\"quotes\\", a comma\\r\\nand a line","occurred_at":"2026-02-03T04:05:06.007Z","position":"6","tokens":"9007199254740993"}',
    );
    expect(JSON.parse(lines[2] as string)).toEqual({
      credit: '0',
      debit: '-0.000000001',
      note: null,
      occurred_at: '2026-02-03T04:05:06.008Z',
      position: '9',
      tokens: 0,
    });
    expect(lines).toHaveLength(5);
  });

  test('is Parquet with typed columns', async () => {
    const { bytes } = await download(id, 'parquet');
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const { schema, num_rows, created_by } = parquetMetadata(file);
    expect(num_rows).toBe(5n);
    expect(created_by).toBe('mcphub-llm-api reports');
    expect(schema.map(({ name, converted_type, precision, scale }) => [name, converted_type, precision, scale])).toEqual([
      ['report', undefined, undefined, undefined],
      ['position', undefined, undefined, undefined],
      ['occurred_at', 'TIMESTAMP_MILLIS', undefined, undefined],
      ['note', 'UTF8', undefined, undefined],
      ['tokens', 'DECIMAL', 38, 0],
      ['debit', 'DECIMAL', 38, 9],
      ['credit', 'DECIMAL', 38, 9],
    ]);
    const rows = await parquetReadObjects({ file });
    expect(rows.map(({ position, note, occurred_at }) => [position, note, occurred_at])).toEqual([
      [5n, 'plain', new Date(AT)],
      [6n, 'with "quotes", a comma\r\nand a line', new Date(AT)],
      [9n, null, new Date(AT + 1)],
      [3n, '=SUM(A1)', new Date(AT + 2)],
      [10n, 'ö€😀', new Date(AT + 3)],
    ]);
    // The reader makes doubles of decimals: told that they are plain bytes, it shows what is in the file.
    const raw = parquetMetadata(file);
    for (const element of raw.schema) if (element.converted_type === 'DECIMAL') delete element.converted_type;
    for (const element of raw.schema) delete element.logical_type;
    const exact = await parquetReadObjects({ file, metadata: raw, utf8: false });
    const nano = (bytes: Uint8Array) => BigInt.asIntN(128, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
    expect(exact.map(({ debit, credit }) => [nano(debit), nano(credit)])).toEqual(
      world.monthly.rows.map((row) => [row[4], row[5]]),
    );
  });

  test.each(['csv', 'jsonl', 'parquet', 'control'])(
    'has the digest of its %s in the answer and in the control record',
    async (format) => {
      const { bytes, headers } = await download(id, format);
      const sha256 = createHash('sha256').update(bytes);
      const hex = sha256.copy().digest('hex');
      expect(headers.get('etag')).toBe(`"${hex}"`);
      expect(headers.get('digest')).toBe(`sha-256=${sha256.digest('base64')}`);
      expect(headers.get('content-length')).toBe(String(bytes.length));
      const { control } = (await world.ask('GET', `${REPORTS}/${id}`)).json;
      const isNamed = format === 'control' ? undefined : { bytes: bytes.length, sha256: hex };
      expect(control.files[format]).toEqual(isNamed);
    },
  );

  test('is known again by its tag, told of by HEAD, and handed out in parts', async () => {
    const { bytes, headers } = await download(id, 'csv');
    const etag = headers.get('etag') as string;
    const known = await download(id, 'csv', { 'if-none-match': `"other", ${etag}` });
    expect([known.status, known.bytes.length]).toEqual([304, 0]);
    const head = await world.ask('HEAD', `${REPORTS}/${id}/download?format=csv`);
    expect([head.status, head.bytes.length, head.headers.get('content-length')]).toEqual([200, 0, String(bytes.length)]);
    const part = await download(id, 'csv', { range: 'bytes=10-19' });
    expect([part.status, part.bytes.toString(), part.headers.get('content-range')]).toEqual([
      206,
      bytes.subarray(10, 20).toString(),
      `bytes 10-19/${bytes.length}`,
    ]);
    expect((await download(id, 'csv', { range: 'bytes=-5' })).bytes).toEqual(bytes.subarray(-5));
    expect((await download(id, 'csv', { range: `bytes=${bytes.length}-` })).status).toBe(416);
    expect((await download(id, 'csv', { range: 'bytes=0-3', 'if-range': '"other"' })).status).toBe(200);
  });
});

describe('what cannot be asked for', () => {
  test.each([
    [{ period: '2026-02' }, 400, 'report'],
    [{ report: 'no-such', period: '2026-02' }, 400, 'report'],
    [{ report: 'made-up-monthly', period: '2026-13' }, 400, 'period'],
    [{ report: 'made-up-monthly', period: '2026-02-01' }, 400, 'period'],
    [{ report: 'made-up-daily', period: '2026-02-30' }, 400, 'period'],
    [{ report: 'made-up-daily', period: '2026-02-01', account_id: 'abcdefgh' }, 400, 'account_id'],
    [{ report: 'made-up-monthly', period: '2026-02', account_id: 'abcdefgh' }, 404, 'account_id'],
    [{ report: 'made-up-monthly', period: '2026-03' }, 409, 'period'],
    [{ report: 'made-up-monthly', period: '2026-02', allow_open: 'yes' }, 400, 'allow_open'],
  ])('%j is refused', async (body, status, param) => {
    const answer = await world.ask('POST', REPORTS, body);
    expect([answer.status, answer.json.error.param]).toEqual([status, param]);
  });

  test('a run that is not there, a format that is none, a list from nowhere, anything without the token', async () => {
    expect((await world.ask('GET', `${REPORTS}/run-none`)).status).toBe(404);
    expect((await download('run-none', 'csv')).status).toBe(404);
    expect((await world.ask('POST', `${REPORTS}/run-none/rerun`)).status).toBe(404);
    // What PostgreSQL cannot hold names nothing.
    expect((await world.ask('GET', `${REPORTS}/a%00b`)).status).toBe(404);
    expect((await download('a%00b', 'csv')).status).toBe(404);
    expect((await world.ask('GET', `${REPORTS}?report=a%00b`)).json.error.param).toBe('report');
    expect((await download('run-none', 'xlsx')).json.error.param).toBe('format');
    expect((await world.ask('GET', `${REPORTS}?cursor=nowhere`)).json.error.param).toBe('cursor');
    expect((await world.ask('GET', `${REPORTS}?state=ready`)).json.error.param).toBe('state');
    for (const path of ['', '/catalogue', '/run-none', '/run-none/download?format=csv'])
      expect((await world.ask('GET', REPORTS + path, undefined, { authorization: 'Bearer wrong' })).status).toBe(401);
  });
});

test('a month that is not over is provisional where it is asked for so, and another run than the final one', async () => {
  const open = await requested({ report: 'made-up-monthly', period: '2026-03', allow_open: true });
  expect(open.provisional).toBe(true);
  expect((await runIn(world, open.id, 'done')).control.provisional).toBe(true);
  world.clock.now = Date.UTC(2026, 3, 1);
  const final = await requested({ report: 'made-up-monthly', period: '2026-03' });
  world.clock.now = Date.UTC(2026, 2, 10, 12);
  expect([final.provisional, final.id === open.id]).toEqual([false, false]);
  await runIn(world, final.id, 'done');
});

test('a run waits for the figures to reach the position that it counts up to', async () => {
  world.monthly.isReached = false;
  const { id } = await requested({ report: 'made-up-monthly', period: '2025-11' });
  expect((await runIn(world, id, 'running')).progress).toEqual({ phase: 'waiting', rows: 0 });
  world.monthly.isReached = true;
  expect((await runIn(world, id, 'done')).attempts).toBe(1);
});

test('a report that fails is tried again from the page where it failed, given up in the end, and run again when asked', async () => {
  world.monthly.fault = { after: 4, error: new Error('the figures are away') };
  world.monthly.looks.length = 0;
  const { id } = await requested({ report: 'made-up-monthly', period: '2025-12' });
  const failed = await runIn(world, id, 'failed');
  expect(failed).toMatchObject({ attempts: 5, error: 'the figures are away', progress: { phase: 'rows', rows: 4 } });
  expect(world.monthly.looks).toEqual([undefined, '4', '4', '4', '4']);

  const letters = (await world.ask('GET', '/api/v3/admin/dead-letters')).json.data;
  expect(letters).toMatchObject([
    { queue: 'finance', job: 'run-report', data: { run_id: id }, error: 'the figures are away', attempts: 5 },
  ]);
  world.monthly.fault = undefined;
  expect((await world.ask('POST', `${REPORTS}/${id}/rerun`)).status).toBe(202);
  expect((await runIn(world, id, 'done')).control.rows).toBe(5);
  expect((await world.ask('GET', '/api/v3/admin/dead-letters')).json.data).toEqual([]);
  expect((await world.ask('POST', `${REPORTS}/${id}/rerun`)).status).toBe(409);
});

test('two processes that carry out the same run at once do it once', async () => {
  const database = new FinanceDatabase(databaseUrl, () => undefined);
  beforeStop(() => database.close());
  const runs = new RunsTable(database);
  const [from, until] = [Date.UTC(2025, 5, 1), Date.UTC(2025, 6, 1)];
  const scope = { report: 'made-up-monthly', period: '2025-06', from, until, upTo: 0n, accountId: undefined };
  await runs.make({ id: 'run-shared', ...scope, provisional: false, scheduleId: undefined });
  world.monthly.looks.length = 0;
  const catalogue = ReportCatalogue.of(() => [world.monthly]);
  const attempt = { number: 1, isLast: false, stopping: new AbortController().signal };
  const job = new RunReportJob(database, runs, catalogue, world.app.get(EventStore, { strict: false }));
  await Promise.all([1, 2, 3].map(() => job.run({ run_id: 'run-shared' }, async () => undefined, attempt)));
  expect(world.monthly.looks).toEqual([undefined]);
  expect(await runs.find('run-shared')).toMatchObject({ state: 'done', chunks: 3, totals: { rows: 5n } });
});

test('a value that its column cannot hold is stored nowhere', async () => {
  const { rows } = world.monthly;
  world.monthly.rows = [...rows.slice(0, 2), [7n, AT, null, 1 as never, 0n, 0n]];
  const { id } = await requested({ report: 'made-up-monthly', period: '2025-10' });
  const failed = await runIn(world, id, 'failed');
  expect(failed).toMatchObject({ error: 'column tokens holds count, not a number', progress: { rows: 2 } });
  expect((await download(id, 'csv')).json.error.code).toBe('run_not_done');
  world.monthly.rows = rows;
  const letter = `/api/v3/admin/dead-letters/finance/run-report-${id}`;
  expect((await world.ask('POST', `${letter}/rerun`)).status).toBe(202);
  expect((await runIn(world, id, 'done')).control.rows).toBe(5);
  expect((await world.ask('DELETE', letter)).status).toBe(404);
  expect((await world.ask('POST', '/api/v3/admin/dead-letters/none/x/rerun')).json.error.param).toBe('queue');
});

test('runs are listed newest first, page by page, by report, state and period', async () => {
  const all = (await world.ask('GET', REPORTS)).json;
  expect(all.next_cursor).toBeNull();
  const first = (await world.ask('GET', `${REPORTS}?limit=2`)).json;
  const second = (await world.ask('GET', `${REPORTS}?limit=2&cursor=${first.next_cursor}`)).json;
  const ids = (list: { data: { id: string }[] }) => list.data.map(({ id }) => id);
  expect([...ids(first), ...ids(second)]).toEqual(ids(all).slice(0, 4));
  const filtered = (await world.ask('GET', `${REPORTS}?report=made-up-monthly&state=done&period=2026-02`)).json;
  expect(filtered.data.map(({ period }: { period: string }) => period)).toEqual(['2026-02']);
});
