/** Where it may be that this part of what is held is used up, tokens are counted. */
const COUNT_AT = 0.5;
/** Where it is, more is asked for: an append takes a moment in which tokens go on coming. */
const ASK_AT = 0.25;
/** What may still be under way when a count is made. */
const MARGIN_TOKENS = 32;

export interface OutputMeterPorts {
  /** Tokens of all that came so far, as the provider counts them or more. */
  readonly count: () => Promise<number>;
  /** Sets credits aside for this many tokens in all, or for as many as there are credits for. @returns tokens held for */
  readonly hold: (tokens: number) => Promise<number>;
  /** Stops and goes on reading from the provider. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends the answer: there is nothing left to pay more with. */
  readonly cut: () => void;
}

/**
 * Follows an answer that has no limit of its own: keeps more set aside than it has used, a step at a time, and cuts it where the
 * account has nothing more. Between two counts each byte is taken for a token, which is never too few; where even that could exceed
 * what is held, the provider is paused until it is known.
 */
export class OutputMeter {
  private counted = 0;
  private bytesSince = 0;
  private working = false;
  private paused = false;
  private ended = false;
  /** There is nothing more to be held. */
  private exhausted = false;

  /** @param held tokens that credits are set aside for @param step by which more is asked for @param most the model's own limit */
  constructor(
    private held: number,
    private readonly step: number,
    private readonly most: number,
    private readonly ports: OutputMeterPorts,
  ) {}

  /** Bytes of text came. */
  took(bytes: number): void {
    this.bytesSince += bytes;
    const atMost = this.counted + this.bytesSince;
    const nearlyUsed = atMost + MARGIN_TOKENS >= this.held;
    if (this.ended || this.held >= this.most || atMost < this.held * COUNT_AT || (this.exhausted && !nearlyUsed)) return;
    if (nearlyUsed && !this.paused) {
      this.paused = true;
      this.ports.pause();
    }
    if (!this.working) this.work().catch(() => this.cut());
  }

  /** The answer has ended by itself. */
  end(): void {
    this.ended = true;
  }

  private async work(): Promise<void> {
    this.working = true;
    const before = this.bytesSince;
    this.counted = await this.ports.count();
    this.bytesSince -= before;
    if (this.counted >= this.held * ASK_AT && !this.exhausted) await this.ask();
    this.working = false;
    if (this.ended) return;
    if (this.counted + MARGIN_TOKENS >= this.held && this.held < this.most) return this.cut();
    if (this.paused) {
      this.paused = false;
      this.ports.resume();
    }
  }

  private async ask(): Promise<void> {
    const wanted = Math.min(this.most, Math.max(this.held, this.counted) + this.step);
    const held = await this.ports.hold(wanted);
    this.exhausted = held < wanted;
    this.held = Math.max(this.held, held);
  }

  private cut(): void {
    this.ended = true;
    this.ports.cut();
  }
}
