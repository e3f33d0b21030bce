import { createPublicKey, type KeyObject } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { EventStoreUnavailable, WrongExpectedRevision } from '../../event-store/errors.js';
import type { EventStore } from '../../event-store/event-store.js';
import { type Clock, instantFromText, instantToText } from '../../kernel/time.js';
import { LEDGER_PREFIXES, leafOf } from './checkpoint.events.js';
import { checkpointHash, NO_CHECKPOINT, signCheckpoint } from './checkpoint.js';
import { CheckpointsDiverged, exportCheckpoints, exportedRevision } from './checkpoint-export.js';
import { CheckpointFileDamaged, CheckpointFileOfAnotherLedger, lastExported } from './checkpoint-file.js';
import { CheckpointUnsound, growTree } from './checkpoint-growth.js';
import { appendCheckpoint, readStoredCheckpointsBackwards, type StoredCheckpoint } from './checkpoint-stream.js';
import { originOf } from './checkpoint-verification.js';
import { type CheckpointWebhook, deliverCheckpoints } from './checkpoint-webhook.js';

export interface SignCheckpointOptions {
  /** Ed25519. */
  readonly privateKey: KeyObject;
  /** Where each checkpoint is exported, one line of JSON. */
  readonly file: string;
  readonly webhook?: CheckpointWebhook | undefined;
  /** How much of a long ledger one run takes; the next one goes on. As much as it can read in ten seconds where absent. */
  readonly eventsPerRun?: number;
}

/**
 * What a run has come to. `overtaken`: another process has signed at the same time. `refused`: what is there does not fit what
 * was signed or exported before; nothing is signed until a person has looked into it.
 */
export type CheckpointRun = 'signed' | 'nothing_new' | 'overtaken' | 'refused';

/** For how long a run reads at most: over a long ledger, the first one would hold up a shutdown. */
const READING_MS = 10_000;

/** Signs what the ledger holds, and hands the signature out of the reach of who can write to the store. */
export class SignCheckpointJob {
  static readonly jobName = 'sign-checkpoint';
  static readonly everyMs = 60_000;
  private readonly logger = new Logger('sign-checkpoint');
  private readonly publicKey: KeyObject;
  private running: Promise<CheckpointRun> | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
    private readonly options: SignCheckpointOptions,
  ) {
    this.publicKey = createPublicKey(options.privateKey);
  }

  /** May run twice, here or in two processes: the stream takes one checkpoint at a revision. */
  run(): Promise<CheckpointRun> {
    this.running ??= this.once().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async once(): Promise<CheckpointRun> {
    try {
      const exported = await this.exportedRevision();
      const outcome = await this.sign();
      if (outcome === 'overtaken') return outcome;
      if (exported !== undefined) await this.attempt('file', () => exportCheckpoints(this.store, this.options.file, exported));
      const { webhook } = this.options;
      if (webhook) await this.attempt('webhook', () => deliverCheckpoints(this.store, webhook));
      return outcome;
    } catch (error) {
      if (!isAlarm(error)) throw error;
      const another = error instanceof CheckpointsDiverged ? await this.anotherLedger() : undefined;
      const why = another ? 'the exported file is of another ledger' : 'the ledger may have been tampered with';
      this.logger.error({ msg: `NO CHECKPOINT IS SIGNED: ${why}`, error: (another ?? error).message });
      return 'refused';
    }
  }

  /** Undefined where the file cannot be read at all just now, which is an export that fails and not an alarm. */
  private async exportedRevision(): Promise<bigint | undefined> {
    return this.attempt('file', () => exportedRevision(this.store, this.options.file));
  }

  /** Whether the file names another ledger than the events and the last checkpoint in the store do. */
  private async anotherLedger(): Promise<CheckpointFileOfAnotherLedger | undefined> {
    const { file } = this.options;
    const exported = (await lastExported(file))?.origin;
    const own = await this.origin();
    if (exported === undefined || own === undefined || exported === own) return undefined;
    if (exported === (await this.last())?.checkpoint.origin) return undefined;
    return new CheckpointFileOfAnotherLedger(file, exported, own);
  }

  private async origin(): Promise<string | undefined> {
    for await (const event of this.store.readAll({ streamPrefixes: LEDGER_PREFIXES, after: undefined }))
      return originOf(leafOf(event));
    return undefined;
  }

  private async sign(): Promise<Exclude<CheckpointRun, 'refused'>> {
    const last = await this.last();
    const { privateKey, eventsPerRun = Number.POSITIVE_INFINITY } = this.options;
    const stopAt = this.clock.now() + READING_MS;
    const isEnough = (added: number) => added >= eventsPerRun || this.clock.now() >= stopAt;
    const growth = await growTree(this.store, last, this.publicKey, isEnough);
    if (!growth) return 'nothing_new';
    const { frontier, origin, position } = growth;
    const { size, hashes } = frontier.toJSON();
    const checkpoint = signCheckpoint(
      {
        origin,
        treeSize: size,
        rootHash: frontier.root().toString('hex'),
        position,
        signedAt: this.signedAt(last),
        previous: last ? checkpointHash(last.checkpoint) : NO_CHECKPOINT,
      },
      privateKey,
    );
    try {
      await appendCheckpoint(this.store, checkpoint, hashes, last);
      return 'signed';
    } catch (error) {
      if (error instanceof WrongExpectedRevision) return 'overtaken';
      throw error;
    }
  }

  private async last(): Promise<StoredCheckpoint | undefined> {
    for await (const stored of readStoredCheckpointsBackwards(this.store)) return stored;
    return undefined;
  }

  /** A clock that was set back does not undo the order. */
  private signedAt(last: StoredCheckpoint | undefined): string {
    return instantToText(Math.max(this.clock.now(), last ? instantFromText(last.checkpoint.signedAt) : 0));
  }

  /** An export that fails is logged, stops nothing, and is made up for at the next run. */
  private async attempt<T>(target: 'file' | 'webhook', act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (isAlarm(error) || error instanceof EventStoreUnavailable) throw error;
      this.logger.error({ msg: 'checkpoints are not exported', target, error: (error as Error).message });
      return undefined;
    }
  }
}

const isAlarm = (error: unknown): error is Error =>
  error instanceof CheckpointsDiverged || error instanceof CheckpointFileDamaged || error instanceof CheckpointUnsound;
