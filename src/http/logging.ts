import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, destination, type Level, type Logger, pino } from 'pino';

/**
 * Structured logs, one JSON object a line on stderr, written asynchronously. What is logged is chosen field by field: never a
 * header, a body, a key or a prompt.
 */
export function openLog(
  level: string,
  to: DestinationStream = destination({ fd: 2, sync: false, minLength: 4096, periodicFlush: 500 }),
): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    to,
  );
}

/** Nest's own messages and those of its Logger, in the same log. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    // Nest tells each route and module at start: of interest when something is wrong with them.
    const context = rest.at(-1);
    this.write(typeof context === 'string' && FRAMEWORK_CONTEXTS.has(context) ? 'debug' : 'info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  private write(level: Level, message: unknown, rest: unknown[]): void {
    const fields = { context: rest.at(-1) };
    if (typeof message === 'object' && message !== null && !(message instanceof Error))
      this.logger[level]({ ...fields, ...message });
    else if (message instanceof Error) this.logger[level]({ ...fields, error: message.stack }, message.message);
    else this.logger[level]({ ...fields, ...(rest.length > 1 ? { stack: rest[0] } : {}) }, String(message));
  }
}

const FRAMEWORK_CONTEXTS = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication']);
