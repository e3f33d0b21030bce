import { Controller, Get, Logger, Param, UseGuards } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EventStoreUnavailable } from '../../src/event-store/errors.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { ApiError } from '../../src/http/api-error.js';
import { GatewayClock } from '../../src/http/clock.js';
import { reportOn } from './projection-report.js';
import { Projections } from './projections.js';
import { reportJson } from './report-json.js';
import type { AnyProjectionDefinition } from './stored-projection.js';

const RETRY_AFTER_SECONDS = 1;

/** How far the read models are, and what keeps them back; also in a process that does not run them. */
@Controller('api/v3/admin/projections')
@UseGuards(AdministrationGuard)
export class ProjectionsController {
  private readonly logger = new Logger('projections');

  constructor(
    private readonly projections: Projections,
    private readonly dataSource: DataSource,
    private readonly store: EventStore,
    private readonly clock: GatewayClock,
  ) {}

  @Get()
  async list(): Promise<object> {
    const shown = [];
    for (const definition of this.projections.definitions) shown.push(await this.shown(definition));
    return { projections: shown };
  }

  @Get(':name')
  async show(@Param('name') name: string): Promise<object> {
    const definition = this.projections.definitions.find(({ projection }) => projection.name === name);
    if (!definition) {
      const known = this.projections.definitions.map(({ projection }) => projection.name).join(', ');
      throw new ApiError(404, 'projection_not_found', `There is no projection of that name; there are ${known}`, {
        param: 'name',
      });
    }
    return this.shown(definition);
  }

  private async shown(definition: AnyProjectionDefinition): Promise<object> {
    const own = this.projections.statuses().find(({ name }) => name === definition.projection.name);
    const report = await reportOn(this.dataSource, this.store, definition, this.clock.now()).catch((error: Error) => {
      if (error instanceof EventStoreUnavailable) throw error;
      this.logger.error({ msg: 'the state of the read models cannot be read', error: error.message });
      throw new ApiError(503, 'read_model_unavailable', 'The read models cannot be read at the moment, please try again', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    });
    return { ...reportJson(report), state: own?.state ?? 'standby', error: own?.error ?? null };
  }
}
