/** Reports that are made by themselves: one run for each slot, whoever looks and however often. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { JobRegistry } from '../../src/jobs/index.js';
import { FinanceDatabase } from '../../src/reports/finance-database.js';
import { ReportCatalogue } from '../../src/reports/index.js';
import { RequestReport } from '../../src/reports/request-report.js';
import { RunsTable } from '../../src/reports/runs-table.js';
import { defaultSchedule } from '../../src/reports/schedules/default-schedules.js';
import { RunSchedulesJob } from '../../src/reports/schedules/run-schedules.job.js';
import { SchedulesTable } from '../../src/reports/schedules/schedules-table.js';
import { beforeStop, createDatabase } from '../support/postgres.js';
import { type ReportWorld, runIn, startReportWorld } from '../support/report-world.js';

const SCHEDULES = '/api/v3/admin/schedules';
const at = (text: string) => Date.parse(text);

let world: ReportWorld;
let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await createDatabase();
  world = await startReportWorld(databaseUrl);
  beforeStop(() => world.close());
  world.monthly.rows = [[1n, 0, null, 0n, 0n, 0n]];
  world.daily.rows = [[1n, 0, null, 0n, 0n, 0n]];
});

const put = (id: string, body: object) => world.ask('PUT', `${SCHEDULES}/${id}`, body);

/** A process of its own, as far as the database can tell: it has connections of its own. */
function anotherLook(): RunSchedulesJob {
  const database = new FinanceDatabase(databaseUrl, () => undefined);
  beforeStop(() => database.close());
  const get = <T>(type: new (...made: never[]) => T): T => world.app.get(type as never, { strict: false });
  const clock = { now: () => world.clock.now };
  const catalogue = ReportCatalogue.of(() => [world.monthly, world.daily]);
  return new RunSchedulesJob(
    database,
    new SchedulesTable(database),
    new RunsTable(database),
    get(RequestReport),
    catalogue,
    clock,
  );
}

/** Looks until a schedule was handled up to its last slot. The program's own looks come in between. */
async function handled(id: string, lastRunOf: string | null): Promise<string[]> {
  const until = performance.now() + 30_000;
  const look = anotherLook();
  for (;;) {
    await look.run();
    const { data } = (await world.ask('GET', SCHEDULES)).json;
    const next = data.find((schedule: { id: string }) => schedule.id === id)?.next[0];
    if (next !== undefined && at(next) > world.clock.now) break;
    if (performance.now() > until) throw new Error(`the schedule ${id} is not followed`);
  }
  const periods = await periodsOf(id);
  expect(periods.at(-1) ?? null).toBe(lastRunOf);
  return periods;
}

/** What was run for a schedule, in the order in which it was made. */
async function periodsOf(id: string): Promise<string[]> {
  const { data } = (await world.ask('GET', '/api/v3/admin/reports?limit=500')).json;
  return data
    .filter((run: { schedule_id: string }) => run.schedule_id === id)
    .map(({ period }: { period: string }) => period)
    .reverse();
}

describe('every report has a schedule from the first start', () => {
  test('daily ones soon after midnight, monthly ones on the first', async () => {
    const { data } = (await world.ask('GET', SCHEDULES)).json;
    expect(data).toMatchObject([
      { id: 'made-up-daily', cron: '15 0 * * *', time_zone: 'UTC', misfire: 'run_all', enabled: true, last_run_id: null },
      {
        id: 'made-up-monthly',
        cron: '0 1 1 * *',
        next: ['2026-04-01T01:00:00.000Z', '2026-05-01T01:00:00.000Z', '2026-06-01T01:00:00.000Z'],
      },
    ]);
  });

  test('but not again, where it was deleted', async () => {
    expect((await world.ask('DELETE', `${SCHEDULES}/made-up-daily`)).json).toEqual({ id: 'made-up-daily', deleted: true });
    expect((await world.ask('DELETE', `${SCHEDULES}/made-up-daily`)).status).toBe(404);
    const schedules: SchedulesTable = world.app.get(SchedulesTable, { strict: false });
    const before = await schedules.list();
    await schedules.makeDefault(defaultSchedule(world.daily), world.clock.now);
    expect(await schedules.list()).toEqual(before);
  });
});

describe('a schedule', () => {
  test('runs each slot once, whoever looks at the same time, and what it made is carried out', async () => {
    await put('each-day', { report: 'made-up-daily', cron: '15 0 * * *', parameters: {} });
    world.clock.now += 5 * 86_400_000;
    await Promise.all([anotherLook(), anotherLook(), anotherLook(), anotherLook()].map((look) => look.run()));
    const periods = await handled('each-day', '2026-03-14');
    expect(periods).toEqual(['2026-03-10', '2026-03-11', '2026-03-12', '2026-03-13', '2026-03-14']);
    const { data } = (await world.ask('GET', SCHEDULES)).json;
    const schedule = data.find(({ id }: { id: string }) => id === 'each-day');
    expect(schedule).toMatchObject({ last_slot: '2026-03-15T00:15:00.000Z', error: null });
    expect((await runIn(world, schedule.last_run_id, 'done')).period).toBe('2026-03-14');
  });

  test('runs the latest slot alone of those that were missed', async () => {
    await put('latest', { report: 'made-up-daily', cron: '15 0 * * *', misfire: 'run_latest' });
    world.clock.now += 5 * 86_400_000;
    expect(await handled('latest', '2026-03-19')).toEqual(['2026-03-19']);
  });

  test('passes over what was missed, and runs what is seen in time', async () => {
    await put('skipping', { report: 'made-up-daily', cron: '15 0 * * *', misfire: 'skip' });
    world.clock.now += 5 * 86_400_000;
    expect(await handled('skipping', null)).toEqual([]);
    world.clock.now = at('2026-03-26T00:16Z');
    expect(await handled('skipping', '2026-03-25')).toEqual(['2026-03-25']);
  });

  test('that was off owes nothing for that time', async () => {
    const body = { report: 'made-up-daily', cron: '15 0 * * *', time_zone: 'Europe/Berlin' };
    await put('resting', { ...body, enabled: false });
    world.clock.now = at('2026-03-30T12:00Z');
    const { json } = await put('resting', { ...body, enabled: true });
    expect(json.next[0]).toBe('2026-03-30T22:15:00.000Z');
    expect(await handled('resting', null)).toEqual([]);
    world.clock.now = at('2026-03-30T22:15Z');
    expect(await handled('resting', '2026-03-29')).toEqual(['2026-03-29']);
  });

  test('that is put again as it is owes what it owed', async () => {
    const body = { report: 'made-up-monthly', cron: '0 1 1 * *' };
    await put('owing', body);
    world.clock.now = at('2026-05-02T00:00Z');
    await put('owing', body);
    expect(await handled('owing', '2026-04')).toEqual(['2026-03', '2026-04']);
  });

  test.each([
    [{ report: 'none', cron: '0 1 1 * *' }, 'report'],
    [{ report: 'made-up-daily', cron: '0 1 1 *' }, 'cron'],
    [{ report: 'made-up-daily', cron: '0 1 30 2 *' }, 'cron'],
    [{ report: 'made-up-daily', cron: '0 1 1 * *', time_zone: '+01:00' }, 'time_zone'],
    [{ report: 'made-up-daily', cron: '0 1 1 * *', misfire: 'forget' }, 'misfire'],
    [{ report: 'made-up-daily', cron: '0 1 1 * *', parameters: { account_id: 'abcdefgh' } }, 'parameters.account_id'],
    [{ report: 'made-up-daily', cron: '0 1 1 * *', parameters: { account: 'abcdefgh' } }, 'parameters.account'],
    [{ report: 'made-up-daily', cron: '0 1 1 * *', enabled: 1 }, 'enabled'],
  ])('%j is refused', async (body, param) => {
    const { status, json } = await put('refused', body);
    expect([status, json.error.param]).toEqual([400, param]);
    for (const id of ['refused', 'a%00b']) expect((await world.ask('DELETE', `${SCHEDULES}/${id}`)).status).toBe(404);
  });
});

test('a run that the queue was not told of is carried out all the same', async () => {
  const runs: RunsTable = world.app.get(RunsTable, { strict: false });
  const [from, until] = [at('2026-01-01T00:00Z'), at('2026-02-01T00:00Z')];
  const run = { id: 'run-untold', report: 'made-up-monthly', period: '2026-01', from, until, upTo: 0n, provisional: false };
  await runs.make({ ...run, accountId: undefined, scheduleId: undefined });
  const requeue = world.app
    .get(JobRegistry, { strict: false })
    .list()
    .find(({ name }) => name === 'requeue-open-reports');
  await requeue?.run({}, async () => undefined, { number: 1, isLast: false, stopping: new AbortController().signal });
  await runIn(world, 'run-untold', 'done');
});
