/**
 * How processes that write to one account take turns. Whoever has just won is first again: it decides at once, while the others
 * must read first, so without manners it wins for ever. Therefore a process that has won, and knows of rivals, rests about as
 * long as they need for a turn each, while its commands gather, and reads before it decides. It knows of rivals by what it reads.
 * One that always wins reads nothing; so every now and then it rests as well, and whoever waits gets through and is seen.
 */
export class AccountTurns {
  /** Appends of others between two of ours, smoothed: quick to grow, slow to forget. */
  private rivals = 0;
  /** From the decision to the answer of an append that won, smoothed. */
  private appendMs = 0;
  private winsUnseen = 0;
  private restUntil = 0;

  /** Whether others write too, so that it is better to read before deciding than to lose. */
  get shared(): boolean {
    return this.rivals >= SHARED_FROM;
  }

  /** How long to rest before the next turn, in milliseconds. */
  restMs(now: number): number {
    return Math.max(0, this.restUntil - now);
  }

  /**
   * Our append was stored.
   * @param others appends of others that were read since the last one of ours
   * @param appendMs how long ours took
   * @param now monotonic milliseconds
   */
  won(others: number, appendMs: number, now: number): void {
    const change = Math.min(others, RIVALS_MAX) - this.rivals;
    this.rivals += change * (change > 0 ? GROWTH : DECAY);
    this.appendMs += (appendMs - this.appendMs) * (this.appendMs === 0 ? 1 : GROWTH);
    this.winsUnseen = this.shared ? 0 : this.winsUnseen + 1;
    this.restUntil = now + Math.min(this.turnsToLeave() * this.appendMs, REST_MS_MAX);
  }

  private turnsToLeave(): number {
    if (this.shared) return Math.max(TURNS_MIN, this.rivals);
    if (this.winsUnseen < WINS_BETWEEN_RESTS) return 0;
    this.winsUnseen = 0;
    return TURNS_MIN;
  }
}

const RIVALS_MAX = 8;
const SHARED_FROM = 0.2;
const GROWTH = 0.5;
const DECAY = 0.1;
/** To read, to decide and to append takes a little longer than to append. */
const TURNS_MIN = 1.5;
const WINS_BETWEEN_RESTS = 32;
const REST_MS_MAX = 50;
