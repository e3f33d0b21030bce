import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { answerNotKept, keyInUse, keyReused, keysUnavailable } from './idempotency.problems.js';
import { type KeptAnswer, type NamedRequest, RequestSecrets } from './request-secrets.js';
import { LEASE_MS, type RequestRow, type RequestsTable } from './requests-table.js';

const HOLDER_BYTES = 16;
const DAY_MS = 86_400_000;
const RENEW_EVERY_MS = LEASE_MS / 3;
/** A longer answer is not kept. */
export const ANSWER_MAX_BYTES = 8 * 1024 * 1024;
/** How often, and how long apart, the end of a request is written while PostgreSQL does not take it. */
const END_ATTEMPTS_MAX = 30;
const END_RETRY_MS = 1_000;
const FORGET_ROWS_MAX = 1_000;
const FORGET_BATCHES_MAX = 100;

/** What became of an attempt whose process stopped renewing its claim. */
export type FormerEnd = 'open' | 'charged' | 'released' | 'never_made';

/** Asks the ledger how the reservation of an attempt ended. Nothing of it is older than `since`. */
export type FindFormerEnd = (generationId: string, since: Date) => Promise<FormerEnd>;

/** The right to run a named request, until one of its ends is told. None of them throws: PostgreSQL may be away by then. */
export interface Claim {
  /** The id under which this attempt reserves: a second process that runs the same attempt is recognised by it. */
  readonly generationId: string;
  /** Names this holder of the claim. */
  readonly holder: string;
  /** The request had its effect: its answer is given to whoever repeats it. Resolves when it is stored, or will be. */
  keep(answer: KeptAnswer): Promise<void>;
  /** The request had its effect, but there is no answer that could be given again. */
  notKept(): Promise<void>;
  /** The request had no effect: its repeat runs. */
  free(): Promise<void>;
  /** Nobody knows here: whoever repeats it asks the ledger first. */
  leave(): Promise<void>;
}

interface Held {
  readonly id: Buffer;
  readonly holder: Buffer;
}

/** Requests that their callers have named: each runs once, for all processes on one database. */
export class IdempotentRequests {
  private readonly logger = new Logger('idempotency');
  private readonly held = new Set<Held>();
  private renewing: NodeJS.Timeout | undefined;
  private closing = false;

  constructor(private readonly table: RequestsTable) {}

  /**
   * Claims the right to run a request, or finds the answer that it had.
   * Throws ApiError: 409 while it runs or where its answer was not kept, 422 where the key named another request, 503 while
   * PostgreSQL is away.
   * @param findFormerEnd where running twice costs: asked when the process that ran it before has died
   */
  async claim(request: NamedRequest, findFormerEnd?: FindFormerEnd): Promise<{ claim: Claim } | { answer: KeptAnswer }> {
    const secrets = new RequestSecrets(request);
    const holder = randomBytes(HOLDER_BYTES);
    const row = await this.table.claim(secrets.id, secrets.fingerprint, holder).catch((error: Error) => {
      this.logger.error({ msg: 'named requests cannot be looked up', error: error.message });
      throw keysUnavailable();
    });
    if (row === undefined) throw keyInUse();
    if (row.ours) return { claim: this.hold(secrets, holder, row) };
    if (!row.fingerprint.equals(secrets.fingerprint)) throw row.state === 'free' ? keyInUse() : keyReused();
    switch (row.state) {
      case 'kept':
        return { answer: this.open(secrets, row) };
      case 'not_kept':
        throw answerNotKept(findFormerEnd && generationOf(secrets, row));
      case 'free':
        throw keyInUse();
      case 'running':
        if (!row.lapsed) throw keyInUse();
        return { claim: await this.takeOver(secrets, holder, row, findFormerEnd) };
    }
  }

  /**
   * Its process died, or lost touch. The ledger alone says whether it was charged. An attempt that never reserved is run again
   * under its own id, so that its process, should it come back, finds the reservation made.
   */
  private async takeOver(secrets: RequestSecrets, holder: Buffer, row: RequestRow, find?: FindFormerEnd): Promise<Claim> {
    const generationId = generationOf(secrets, row);
    const end = find === undefined ? 'never_made' : await find(generationId, row.since);
    if (end === 'open') throw keyInUse();
    if (end === 'charged') {
      // Where another process has taken it over meanwhile, the charge is that one's, and its answer comes.
      const isLost = await this.table.end(secrets.id, row.holder, 'not_kept').catch(() => true);
      throw isLost ? answerNotKept(generationId) : keyInUse();
    }
    const attempt = end === 'released' ? row.attempt + 1 : row.attempt;
    const taken = await this.table.takeOver(secrets.id, row.holder, holder, attempt).catch(() => {
      throw keysUnavailable();
    });
    if (!taken) throw keyInUse();
    return this.hold(secrets, holder, { ...row, attempt });
  }

  private open(secrets: RequestSecrets, row: RequestRow): KeptAnswer {
    try {
      return secrets.open(row.answer as Buffer);
    } catch (error) {
      this.logger.error({ msg: 'a kept answer cannot be read: its row was changed', error: String(error) });
      throw answerNotKept(undefined);
    }
  }

  private hold(secrets: RequestSecrets, holder: Buffer, row: RequestRow): Claim {
    const held = { id: secrets.id, holder };
    this.held.add(held);
    this.renewing ??= setInterval(() => this.renew(), RENEW_EVERY_MS).unref();
    const end = (state: RequestRow['state'], answer?: Buffer) => this.end(held, state, answer);
    return {
      generationId: generationOf(secrets, row),
      holder: holder.toString('hex'),
      keep: (answer) => {
        const sealed = Buffer.byteLength(answer.body) > ANSWER_MAX_BYTES ? undefined : secrets.seal(answer);
        return sealed ? end('kept', sealed) : end('not_kept');
      },
      notKept: () => end('not_kept'),
      free: () => end('free'),
      leave: () => end('running'),
    };
  }

  /** Writes how a request ended; where that fails, goes on trying unseen, its lease kept, before it is left to lapse. */
  private async end(held: Held, state: RequestRow['state'], answer?: Buffer): Promise<void> {
    const written = await this.write(held, state, answer);
    if (written) return this.letGo(held);
    void this.writeLater(held, state, answer).finally(() => this.letGo(held));
  }

  private async writeLater(held: Held, state: RequestRow['state'], answer?: Buffer): Promise<void> {
    for (let attempt = 2; attempt <= END_ATTEMPTS_MAX && !this.closing; attempt++) {
      await delay(END_RETRY_MS, undefined, { ref: false });
      if (await this.write(held, state, answer)) return;
    }
  }

  private async write({ id, holder }: Held, state: RequestRow['state'], answer?: Buffer): Promise<boolean> {
    try {
      await this.table.end(id, holder, state, answer);
      return true;
    } catch (error) {
      this.logger.warn({ msg: 'the end of a named request is not stored yet', error: (error as Error).message });
      return false;
    }
  }

  private letGo(held: Held): void {
    this.held.delete(held);
    if (this.held.size > 0) return;
    clearInterval(this.renewing);
    this.renewing = undefined;
  }

  private renew(): void {
    this.table.renew([...this.held]).catch((error: Error) => {
      this.logger.warn({ msg: 'named requests that run could not be renewed', error: error.message });
    });
  }

  /** Removes what is older than it is kept. Bounded: what is left over is removed the next time. */
  async forget(): Promise<void> {
    for (let batch = 0; batch < FORGET_BATCHES_MAX; batch++)
      if ((await this.table.forget(FORGET_ROWS_MAX)) < FORGET_ROWS_MAX) return;
  }

  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.renewing);
    await this.table.close();
  }
}

const generationOf = (secrets: RequestSecrets, { since, attempt }: RequestRow): string =>
  secrets.generationId(Math.floor(since.getTime() / DAY_MS), attempt);
