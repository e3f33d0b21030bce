/**
 * How processes that write to one account take turns. Whoever has just won is first again: it decides at once, while the others
 * must read first, so without manners it wins for ever. Therefore a process that has won, and knows of rivals, rests for as long
 * as they need to read, to decide and to send, while its commands gather; then it reads and takes its chance with the rest. A
 * longer rest is no fairer, and leaves the store without work. It knows of rivals by what it reads. One that always wins reads
 * nothing; so every now and then it rests as well, and whoever waits gets through and is seen.
 */
export class AccountTurns {
  /** From 0, alone, to 1: others wrote between our last appends. Quick to grow, slow to forget. */
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
    const seen = others > 0 ? 1 : 0;
    this.rivals += (seen - this.rivals) * (seen > this.rivals ? GROWTH : DECAY);
    this.appendMs += (appendMs - this.appendMs) * (this.appendMs === 0 ? 1 : GROWTH);
    this.winsUnseen = this.shared ? 0 : this.winsUnseen + 1;
    const rests = this.shared || this.winsUnseen >= WINS_BETWEEN_RESTS;
    if (!rests) return;
    this.winsUnseen = 0;
    this.restUntil = now + Math.min(REST_SHARE * this.appendMs, REST_MS_MAX);
  }
}

const SHARED_FROM = 0.2;
const GROWTH = 0.5;
const DECAY = 0.1;
const WINS_BETWEEN_RESTS = 32;
/** Of the time of an append, which is mostly that of the disk: what comes before it takes about half as long. */
const REST_SHARE = 0.5;
const REST_MS_MAX = 20;
