import { Body, Controller, Delete, Get, Param, Put, UseGuards, UseInterceptors } from '@nestjs/common';
import { z } from 'zod';
import { AdministrationGuard } from '../../http/administration.guard.js';
import { GatewayClock } from '../../http/clock.js';
import { invalid, parse } from '../../http/validation.js';
import { IdempotentWrites } from '../../idempotency/index.js';
import { instantToText } from '../../kernel/time.js';
import { MISFIRE_RULES } from '../domain/misfire.js';
import { ReportCatalogue } from '../report-catalogue.js';
import { problemOf, scheduleNotFound } from '../reports.problems.js';
import { SchedulesTable, type StoredSchedule } from './schedules-table.js';
import { isCron, upcomingSlots } from './slots.js';
import { isTimeZone } from './wall-clock.js';

const SLOTS_SHOWN = 3;
const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const scheduleBody = z.strictObject({
  report: z.string().min(1).max(100),
  cron: z
    .string()
    .max(200)
    .refine(isCron, 'must be five fields: minute, hour, day of the month, month, day of the week; and come to pass'),
  time_zone: z.string().max(100).refine(isTimeZone, 'must be the IANA name of a time zone').default('UTC'),
  misfire: z.enum(MISFIRE_RULES).default('run_all'),
  parameters: z.strictObject({ account_id: z.string().min(1).max(100).optional() }).default({}),
  enabled: z.boolean().default(true),
});

/** Reports that are made by themselves. */
@Controller('api/v3/admin/schedules')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class SchedulesController {
  constructor(
    private readonly schedules: SchedulesTable,
    private readonly catalogue: ReportCatalogue,
    private readonly clock: GatewayClock,
  ) {}

  @Put(':id')
  async put(@Param('id') id: string, @Body() body: unknown): Promise<object> {
    if (!ID.test(id)) throw invalid('id', 'must be 1 to 64 lower-case letters, digits or . _ -');
    const { report: name, time_zone: timeZone, parameters, ...rest } = parse(scheduleBody, body);
    const report = this.catalogue.find(name);
    if (!report) throw problemOf({ reason: 'report_unknown' });
    const { account_id: accountId } = parameters;
    if (accountId !== undefined && !report.byAccount) throw invalid('parameters.account_id', 'is not taken by this report');
    return this.answer(await this.schedules.put({ id, report: name, timeZone, accountId, ...rest }, this.clock.now()));
  }

  @Get()
  async list(): Promise<object> {
    const schedules = await this.schedules.list();
    return { data: schedules.map((schedule) => this.answer(schedule)) };
  }

  @Delete(':id')
  async remove(@Param('id') id: string): Promise<object> {
    if (!(ID.test(id) && (await this.schedules.remove(id)))) throw scheduleNotFound();
    return { id, deleted: true };
  }

  private answer(schedule: StoredSchedule): object {
    const { id, report, cron, timeZone, misfire, accountId, enabled, handledUntil, lastSlot, lastRunId, error } = schedule;
    const next = enabled ? upcomingSlots(schedule, handledUntil, SLOTS_SHOWN) : [];
    return {
      id,
      report,
      cron,
      time_zone: timeZone,
      misfire,
      parameters: accountId === undefined ? {} : { account_id: accountId },
      enabled,
      next: next.map(instantToText),
      last_slot: lastSlot === undefined ? null : instantToText(lastSlot),
      last_run_id: lastRunId ?? null,
      error: error ?? null,
    };
  }
}
