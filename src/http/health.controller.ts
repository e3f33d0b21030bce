import { Controller, Get, HttpCode } from '@nestjs/common';
import { ApiError } from './api-error.js';

/** What must work before this process takes requests, by name. Bound by the composition root. */
export abstract class Readiness {
  /** @returns the names of the parts that do not answer */
  abstract missing(): Promise<string[]>;
}

@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  /** The process runs. */
  @Get('live')
  @HttpCode(200)
  live(): object {
    return { status: 'ok' };
  }

  /** The process can do its work now. */
  @Get('ready')
  async ready(): Promise<object> {
    const missing = await this.readiness.missing();
    if (missing.length > 0) throw new ApiError(503, 'not_ready', `Not ready: ${missing.join(', ')}`, { retryAfterSeconds: 1 });
    return { status: 'ok' };
  }
}
