import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { AnswerFacts, ReleaseReason, SettledUsage, SettlementOutcome } from '../../accounts/domain/accounts.events.js';
import { AccountWriter } from '../../accounts/index.js';
import type { Principal } from '../../http/authentication.js';
import { pico, ZERO } from '../../kernel/credits.js';
import { type Cost, costToJson, pricedAtFact, type Usage } from '../../pricing/index.js';
import { attemptOf, causeOf, type Generation } from '../generation.js';
import { LiveGenerations } from './live-generations.js';
import { type PendingEnd, SettlementRetries } from './settlement-retries.js';

/** How long an answer is held back for the ledger before its end goes to the retry queue. */
const WAIT_MS = 8_000;
const KEEP_RETRY_MS = 1_000;

/** What is charged where nothing was served. */
export const NOTHING: Cost = { exact: pico(0n), rounded: ZERO, lines: [] };

export interface Outcome {
  readonly usage: Usage;
  readonly cost: Cost;
  readonly source: SettledUsage['source'];
  readonly anomalies: readonly string[];
  readonly outcome: SettlementOutcome;
  readonly upstreamId: string | undefined;
  /** The provider's HTTP status. */
  readonly status: number;
  readonly answer: AnswerFacts;
}

/**
 * Ends reservations. A served answer never becomes an error because the ledger is away: what cannot be stored in time is kept
 * durably and repeated, under the same command id, so that it is charged once.
 */
@Injectable()
export class Settlements {
  private readonly logger = new Logger('settlements');
  /** Ends that neither the ledger nor the queue has taken yet. */
  private readonly unkept = new Set<Promise<void>>();

  constructor(
    private readonly accounts: AccountWriter,
    private readonly retries: SettlementRetries,
    private readonly live: LiveGenerations,
  ) {}

  /**
   * Charges what the generation used. Resolves when the charge is durable, or kept to be repeated.
   * @returns a position of `$all` at which the charge is there; undefined where it is only kept
   */
  async settle(generation: Generation, outcome: Outcome): Promise<bigint | undefined> {
    const { id, model, principal } = generation;
    const { usage, cost, source, anomalies, upstreamId } = outcome;
    const served = { ...attemptOf(generation, outcome.status), ...(upstreamId === undefined ? {} : { upstreamId }) };
    return this.end({
      accountId: principal.accountId,
      command: {
        type: 'SettleReservation',
        reservationId: id,
        model: model.id,
        cost: costToJson(cost),
        usage: { classes: usage, source, ...(anomalies.length > 0 ? { anomalies } : {}) },
        priceVersion: model.priceVersion,
        formulaVersion: model.formulaVersion,
        ...pricedAtFact(model.prices, generation.at),
        attempts: [...generation.failed, served],
        outcome: outcome.outcome,
        answer: outcome.answer,
      },
      cause: causeOf('settle', id, principal),
    });
  }

  /** Gives the reservation back because nothing was served. @returns as `settle` does */
  async release({ id, principal, failed }: Generation, reason: ReleaseReason): Promise<bigint | undefined> {
    return this.end({
      accountId: principal.accountId,
      command: {
        type: 'ReleaseReservation',
        reservationId: id,
        reason,
        ...(failed.length > 0 ? { attempts: failed } : {}),
      },
      cause: causeOf('release', id, principal),
    });
  }

  /** Gives back, in its own time, a reservation of which nobody knows whether it was made. */
  abandon(id: string, principal: Principal): void {
    this.track(
      this.keep({
        accountId: principal.accountId,
        command: { type: 'ReleaseReservation', reservationId: id, reason: 'never_started' },
        cause: causeOf('release', id, principal),
      }),
    );
  }

  /** Resolves when nothing is left in this process's hands. */
  async drained(): Promise<void> {
    await Promise.all(this.unkept);
  }

  private async end(end: PendingEnd): Promise<bigint | undefined> {
    const position = await inTime(this.stored(end));
    if (position !== undefined) {
      this.live.remove(end.command.reservationId);
      return position;
    }
    const keeping = this.track(this.keep(end));
    await Promise.race([keeping, delay(WAIT_MS, undefined, { ref: false })]);
    return undefined;
  }

  /** @returns undefined where the account does not remember the reservation: what is charged for it is for the queue's job to find out */
  private async stored({ accountId, command, cause }: PendingEnd): Promise<bigint | undefined> {
    const { rejection, position } = await this.accounts.execute(accountId, command, cause);
    if (!rejection) return position;
    this.logger.error({
      msg: 'the end of a reservation was refused',
      reason: rejection.reason,
      generationId: command.reservationId,
    });
    return command.type === 'ReleaseReservation' ? position : undefined;
  }

  private track(keeping: Promise<void>): Promise<void> {
    this.unkept.add(keeping);
    void keeping.finally(() => this.unkept.delete(keeping));
    return keeping;
  }

  /** Hands the end to the queue; while the queue is away too, tries both again. */
  private async keep(end: PendingEnd): Promise<void> {
    for (;;) {
      try {
        await this.retries.keep(end);
        this.live.remove(end.command.reservationId);
        this.logger.warn({
          msg: 'the ledger did not take the end of a reservation; it is kept and repeated',
          generationId: end.command.reservationId,
        });
        return;
      } catch (error) {
        this.logger.error({
          msg: 'neither ledger nor queue take the end of a reservation',
          error: String(error),
          generationId: end.command.reservationId,
        });
      }
      if ((await inTime(this.stored(end))) !== undefined) return this.live.remove(end.command.reservationId);
      await delay(KEEP_RETRY_MS);
    }
  }
}

/** What an attempt came to within the time that an answer is held back; undefined where it failed or is not done. */
async function inTime(attempt: Promise<bigint | undefined>): Promise<bigint | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, WAIT_MS, undefined);
  });
  try {
    return await Promise.race([attempt.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
