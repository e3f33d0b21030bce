import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AccountWriter } from '../../accounts/index.js';
import { GatewayClock } from '../../http/clock.js';
import { ZERO } from '../../kernel/credits.js';
import type { AccountId, GenerationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';

/** By when a reservation must end, and how one whose call goes on longer is kept. */
export class ReservationTimes {
  /** @param ttlMs from a reservation, or its extension, to the moment at which a recovery may take its process for dead */
  constructor(readonly ttlMs: number) {}

  /** How often reservations are looked through, by those that keep theirs and by the recovery: 30 seconds of 15 minutes. */
  get lookEveryMs(): number {
    return Math.ceil(this.ttlMs / 30);
  }

  /** One that has less than this left is extended: 5 minutes of 15. */
  get extendWithinMs(): number {
    return this.ttlMs / 3;
  }
}

/** More than eight hours. A call that is lost in this process, which no call should be, must not hold its credits for ever. */
const EXTENSIONS_MAX = 50;
/** Appends that a look at many accounts keeps under way. */
const AT_ONCE = 100;

interface LiveGeneration {
  readonly accountId: AccountId;
  /** Never later than what the account's stream says. */
  settleBy: Instant;
  extensions: number;
}

/**
 * The generations of this process that have a reservation and no end yet. One timer for all of them extends the reservations
 * that run out, so that no recovery takes a call that is under way for dead.
 */
@Injectable()
export class LiveGenerations implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('live-generations');
  private readonly live = new Map<GenerationId, LiveGeneration>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
    private readonly times: ReservationTimes,
  ) {}

  /** @param settleBy of the reservation, or earlier */
  add(id: GenerationId, accountId: AccountId, settleBy: Instant): void {
    this.live.set(id, { accountId, settleBy, extensions: 0 });
  }

  /** Its end is stored, or kept where a recovery sees it. */
  remove(id: GenerationId): void {
    this.live.delete(id);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.look(), this.times.lookEveryMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Extends what runs out. Never rejects: what the store does not take is tried again at the next look. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const runsOutBy = this.clock.now() + this.times.extendWithinMs;
    const due = [...this.live].filter(([, { settleBy }]) => settleBy < runsOutBy);
    for (let from = 0; from < due.length; from += AT_ONCE) {
      await Promise.all(due.slice(from, from + AT_ONCE).map(([id, generation]) => this.extend(id, generation)));
    }
    this.looking = false;
  }

  private async extend(id: GenerationId, generation: LiveGeneration): Promise<void> {
    const { accountId, extensions } = generation;
    if (!this.live.has(id)) return;
    if (extensions >= EXTENSIONS_MAX) return this.giveUp(id, 'it has been extended too often');
    try {
      const { rejection, account } = await this.accounts.execute(
        accountId,
        { type: 'ExtendReservation', reservationId: id, amount: ZERO, settleWithinMs: this.times.ttlMs },
        {
          commandId: `extend:${id}:${extensions + 1}`,
          correlationId: id,
          actor: { type: 'system', id: 'live-generations' },
        },
      );
      if (rejection) return this.giveUp(id, rejection.reason);
      const open = account.reservations.get(id);
      // It ends just now; or somebody took this process for dead, and the call is charged late.
      if (!open) return this.remove(id);
      generation.settleBy = open.settleBy;
      generation.extensions += 1;
    } catch (error) {
      this.logger.warn({ msg: 'a reservation is not extended yet', generationId: id, error: String(error) });
    }
  }

  private giveUp(id: GenerationId, reason: string): void {
    this.remove(id);
    this.logger.error({ msg: 'the reservation of a call under way is not kept any longer', generationId: id, reason });
  }
}
