import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ManagementGuard, principalOf } from '../http/authentication.guard.js';
import { creditsAsNumber } from '../kernel/credits.js';
import { ManagedKeys } from './managed-keys.js';
import { ReadSide } from './read-side.js';

@Controller(['v1', 'api/v1'])
@UseGuards(ManagementGuard)
export class CreditsController {
  constructor(
    private readonly readSide: ReadSide,
    private readonly keys: ManagedKeys,
  ) {}

  /** Clients show the difference as what is left, so what expired or was paid back is not among what was given. */
  @Get('credits')
  async credits(@Req() request: FastifyRequest): Promise<object> {
    const principal = principalOf(request);
    const { position } = await this.keys.now(principal);
    const { given, used } = await this.readSide.creditTotals(principal, position);
    return { data: { total_credits: creditsAsNumber(given), total_usage: creditsAsNumber(used) } };
  }
}
