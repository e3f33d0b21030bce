import { Injectable, Logger } from '@nestjs/common';
import { AccountWriter } from '../../accounts/index.js';
import { nano } from '../../kernel/credits.js';
import { affordableTokens, worstCost } from '../attempt.js';
import { ReservationTimes } from '../ends/live-generations.js';
import { causeOf, type Generation } from '../generation.js';
import type { StreamRelay } from '../stream-relay.js';
import { OutputMeter } from './output-meter.js';
import { UsageEstimate } from './usage-estimate.js';

/** o200k is OpenAI's tokenizer: others make more tokens of the same text. Of letters beyond ASCII, up to one a byte. */
const OTHER_TOKENIZERS = 1.3;
const BEYOND_ASCII = /\P{ASCII}+/gu;

/** Answers without a limit of their own: what is held for them grows with them. */
@Injectable()
export class OpenEndedAnswers {
  private readonly logger = new Logger('open-ended-answers');

  constructor(
    private readonly accounts: AccountWriter,
    private readonly estimate: UsageEstimate,
    private readonly times: ReservationTimes,
  ) {}

  /** A meter for one stream. @param held is told the generation with what is held for it whenever that grows */
  meter(first: Generation, relay: StreamRelay, held: (generation: Generation) => void): MeteredText {
    let generation = first;
    let extensions = 0;
    let counted = 0;
    const step = first.bounds.completionTokensMax;
    const text = new UncountedText();
    const meter = new OutputMeter(step, step, first.model.maxCompletionTokens, {
      // Piece by piece: a seam only adds to the count.
      count: async () => {
        counted += await this.tokensIn(text.take(), first.model.tokenizer);
        return counted;
      },
      hold: async (tokens) => {
        generation = await this.extended(generation, tokens, () => ++extensions);
        held(generation);
        return generation.bounds.completionTokensMax;
      },
      pause: () => relay.holdBack(),
      resume: () => relay.letGo(),
      cut: () => relay.cut(),
    });
    return {
      took(piece, literal) {
        text.add(piece, literal);
        meter.took(Buffer.byteLength(piece));
      },
      end: () => meter.end(),
    };
  }

  private async tokensIn(text: string, tokenizer: string): Promise<number> {
    const tokens = await this.estimate.tokensAtMost(text);
    if (tokenizer === 'GPT') return tokens;
    const beyondAscii = text.match(BEYOND_ASCII)?.join('') ?? '';
    return Math.ceil(tokens * OTHER_TOKENIZERS) + Buffer.byteLength(beyondAscii);
  }

  /** The generation with credits held for this many tokens, or for as many as there are credits for. */
  private async extended(generation: Generation, tokens: number, count: () => number): Promise<Generation> {
    try {
      const more = await this.holding(generation, tokens, count());
      if (!('available' in more)) return more;
      const wanted = withOutput(generation, tokens);
      const affordable = affordableTokens(wanted, nano(generation.hold + more.available), generation.at).completionTokensMax;
      if (affordable <= generation.bounds.completionTokensMax) return generation;
      const less = await this.holding(generation, affordable, count());
      return 'available' in less ? generation : less;
    } catch (error) {
      // The store is away: what is held is what there is, and the answer is cut where that ends.
      this.logger.warn({ msg: 'no more could be held for an answer', generationId: generation.id, error: String(error) });
      return generation;
    }
  }

  private async holding(generation: Generation, tokens: number, count: number): Promise<Generation | { available: bigint }> {
    const longer = withOutput(generation, tokens);
    const hold = worstCost(longer, generation.at);
    const { id, principal } = generation;
    const { rejection, account } = await this.accounts.execute(
      principal.accountId,
      { type: 'ExtendReservation', reservationId: id, amount: hold, settleWithinMs: this.times.ttlMs },
      causeOf(`extend-output-${count}`, id, principal),
    );
    // One that has ended, because somebody took this process for dead, holds nothing.
    if (!rejection) return account.reservations.has(id) ? { ...longer, hold } : { available: 0n };
    if (rejection.reason === 'insufficient_credits') return { available: rejection.owed > 0n ? 0n : rejection.available };
    return { available: rejection.reason === 'key_limit_exceeded' ? rejection.remaining : 0n };
  }
}

const withOutput = (generation: Generation, completionTokensMax: number): Generation => ({
  ...generation,
  bounds: { ...generation.bounds, completionTokensMax },
});

/** A meter as a relay feeds it. */
export interface MeteredText {
  /** @param literal whether the text is the inside of a JSON string */
  took(text: string, literal: boolean): void;
  end(): void;
}

/** Text that was not counted yet. */
class UncountedText {
  private plain = '';
  private literals = '';

  add(text: string, literal: boolean): void {
    if (literal) this.literals += text;
    else this.plain += text;
  }

  take(): string {
    const text = this.plain + (JSON.parse(`"${this.literals}"`) as string);
    this.plain = '';
    this.literals = '';
    return text;
  }
}
