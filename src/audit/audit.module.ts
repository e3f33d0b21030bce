import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { SignCheckpointJob } from './checkpoints/checkpoint.job.js';
import { openCheckpointKey } from './checkpoints/checkpoint-key.js';

export interface AuditOptions {
  readonly dataDir: string;
  /** PEM or the path of a file with it; undefined: a key of our own in `dataDir`. */
  readonly key: string | undefined;
  /** Undefined: `checkpoints.jsonl` in `dataDir`. */
  readonly file: string | undefined;
  readonly webhookUrl: string | undefined;
}

const FILE = 'checkpoints.jsonl';
const WEBHOOK_POSITION_FILE = 'checkpoint-webhook.position';

/** Tamper evidence, for the processes that run jobs: at the first start it makes the key. */
@Global()
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: a Nest module is a class, here made from the configuration
export class AuditModule {
  static forRoot({ dataDir, key, file, webhookUrl }: AuditOptions): DynamicModule {
    const signCheckpoints = (store: EventStore, clock: GatewayClock) => {
      // Where all servers are elsewhere, nobody has made it yet.
      mkdirSync(dataDir, { recursive: true });
      return new SignCheckpointJob(store, clock, {
        privateKey: openCheckpointKey({ configured: key, dataDir }),
        file: file ?? join(dataDir, FILE),
        webhook: webhookUrl === undefined ? undefined : { url: webhookUrl, positionFile: join(dataDir, WEBHOOK_POSITION_FILE) },
      });
    };
    return {
      module: AuditModule,
      providers: [{ provide: SignCheckpointJob, useFactory: signCheckpoints, inject: [EventStore, GatewayClock] }],
      exports: [SignCheckpointJob],
    };
  }
}
