import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Param, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import { z } from 'zod';
import { plainText } from '../accounts/index.js';
import { DecidedStreams } from '../event-store/decided-streams.js';
import { EventStore } from '../event-store/event-store.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { invalid, parse } from '../http/validation.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { instantToText } from '../kernel/time.js';
import { PERIODS_STREAM, type Period } from './domain/periods.events.js';
import { type ClosePeriod, periodsDecider, type ReopenPeriod } from './domain/periods.js';
import { PeriodList, type PeriodRecord } from './period-list.js';
import { periodNotFound, problemOf } from './periods.problems.js';

const PERIOD = /^[12]\d{3}-(0[1-9]|1[0-2])$/;
/** Written into events for ever, so it must not say who somebody is. */
const person = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 letters, digits or . _ : -');
const reason = plainText(500);
const closeBody = z.strictObject({ closed_by: person, reason: reason.optional() });
const reopenBody = z.strictObject({ requested_by: person, approved_by: person, reason });

/** Which months are closed. A closed month takes no more postings. */
@Controller('api/v3/admin/periods')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class PeriodsController {
  constructor(
    private readonly streams: DecidedStreams,
    private readonly periods: PeriodList,
    private readonly store: EventStore,
  ) {}

  @Get()
  async list(): Promise<object> {
    const records = await this.periods.list();
    const closed = records.filter(({ status }) => status === 'closed');
    return { closed_through: closed.at(-1)?.period ?? null, data: records.map(answerOf) };
  }

  @Get(':period')
  async show(@Param('period') text: string): Promise<object> {
    return this.answer(periodIn(text));
  }

  @Post(':period/close')
  @HttpCode(200)
  async close(@Param('period') text: string, @Body() body: unknown): Promise<object> {
    const period = periodIn(text);
    const said = parse(closeBody, body);
    const upTo = await this.store.headPosition(['account-']);
    return this.decide({ type: 'ClosePeriod', period, upTo, requestedBy: said.closed_by, reason: said.reason });
  }

  @Post(':period/reopen')
  @HttpCode(200)
  async reopen(@Param('period') text: string, @Body() body: unknown): Promise<object> {
    const period = periodIn(text);
    const said = parse(reopenBody, body);
    const persons = { requestedBy: said.requested_by, approvedBy: said.approved_by };
    return this.decide({ type: 'ReopenPeriod', period, ...persons, reason: said.reason });
  }

  /** Done before, it answers as the first time: what was then written is read, not what is asked now. */
  private async decide(command: ClosePeriod | ReopenPeriod): Promise<object> {
    const cause = {
      commandId: `${command.type}:${command.period}:${randomUUID()}`,
      correlationId: randomUUID(),
      actor: { type: 'administrator', id: 'administrator' },
    } as const;
    const { rejection } = await this.streams.execute(periodsDecider, PERIODS_STREAM, command, cause);
    if (rejection) throw problemOf(rejection);
    return this.answer(command.period);
  }

  private async answer(period: Period): Promise<object> {
    const record = await this.periods.find(period);
    if (!record) throw periodNotFound();
    return answerOf(record);
  }
}

const answerOf = ({ period, status, closing, closedAt, closedPosition, reopening, position }: PeriodRecord): object => ({
  period,
  status,
  closed_at: instantToText(closedAt),
  closed_by: closing.requestedBy,
  close_reason: closing.reason ?? null,
  up_to: closing.upTo,
  closed_position: closedPosition.toString(),
  ...(reopening && {
    reopened_at: instantToText(reopening.at),
    reopen_requested_by: reopening.requestedBy,
    reopen_approved_by: reopening.approvedBy,
    reopen_reason: reopening.reason,
  }),
  position: position.toString(),
});

/** Throws the 400 that names the parameter. */
function periodIn(text: string): Period {
  if (!PERIOD.test(text)) throw invalid('period', 'must be a month, yyyy-mm');
  return text;
}
