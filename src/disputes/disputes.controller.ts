import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, HttpCode, Param, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import type { Cause } from '../event-store/envelope.js';
import { EventStore, type StoredEvent } from '../event-store/event-store.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { disputeIdOf, parseDecision, parseEvidence, parseOpening, parseReopening, parseSubmission } from './dispute-bodies.js';
import { disputeToJson, evidenceToJson, historyToJson } from './dispute-json.js';
import { Disputes } from './disputes.js';
import { disputeStream } from './domain/disputes.events.js';

/** Disputes of payments and of usage, from their opening to what their decision did. The list of them is a read model. */
@Controller('api/v3/admin/disputes')
@UseGuards(AdministrationGuard)
@UseInterceptors(IdempotentWrites)
export class DisputesController {
  constructor(
    private readonly disputes: Disputes,
    private readonly store: EventStore,
  ) {}

  @Post()
  async open(@Body() body: unknown): Promise<object> {
    const opening = parseOpening(body);
    return disputeToJson(await this.disputes.open(opening, causeOf(opening.disputeId)));
  }

  @Get(':dispute_id')
  async show(@Param('dispute_id') id: string): Promise<object> {
    const known = await this.disputes.show(disputeIdOf(id));
    return { ...disputeToJson(known), history: historyToJson(await this.eventsOf(id)) };
  }

  @Get(':dispute_id/evidence')
  async evidence(@Param('dispute_id') id: string): Promise<object> {
    const { position } = await this.disputes.show(disputeIdOf(id));
    return evidenceToJson(id, await this.eventsOf(id), position);
  }

  @Post(':dispute_id/evidence')
  @HttpCode(200)
  async addEvidence(@Param('dispute_id') id: string, @Body() body: unknown): Promise<object> {
    return disputeToJson(await this.disputes.addEvidence(disputeIdOf(id), parseEvidence(body), causeOf(id)));
  }

  @Post(':dispute_id/submit')
  @HttpCode(200)
  async submit(@Param('dispute_id') id: string, @Body() body: unknown): Promise<object> {
    const { submission_id: submissionId, submitted_by: submittedBy } = parseSubmission(body);
    return disputeToJson(await this.disputes.submit(disputeIdOf(id), submissionId, submittedBy, causeOf(id)));
  }

  @Post(':dispute_id/freeze')
  @HttpCode(200)
  async freeze(@Param('dispute_id') id: string): Promise<object> {
    return disputeToJson(await this.disputes.freeze(disputeIdOf(id), causeOf(id)));
  }

  @Post(':dispute_id/decide')
  @HttpCode(200)
  async decide(@Param('dispute_id') id: string, @Body() body: unknown): Promise<object> {
    return disputeToJson(await this.disputes.decideOn(disputeIdOf(id), parseDecision(body), causeOf(id)));
  }

  @Post(':dispute_id/reopen')
  @HttpCode(200)
  async reopen(@Param('dispute_id') id: string, @Body() body: unknown): Promise<object> {
    return disputeToJson(await this.disputes.reopen(disputeIdOf(id), parseReopening(body), causeOf(id)));
  }

  private async eventsOf(disputeId: string): Promise<StoredEvent[]> {
    const events: StoredEvent[] = [];
    for await (const event of this.store.read(disputeStream(disputeId))) events.push(event);
    return events;
  }
}

const causeOf = (disputeId: string): Cause => ({
  commandId: `dispute:${disputeId}`,
  correlationId: randomUUID(),
  actor: { type: 'administrator', id: 'administrator' },
});
