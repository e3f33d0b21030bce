import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { GatewayClock } from '../http/clock.js';
import { LEDGER_POSITION } from '../http/ledger-position.js';
import { completionTokens } from '../pricing/index.js';
import { ProviderError } from '../providers/index.js';
import { isServed } from './answers/answer.js';
import type { AnswerDialect, StreamFrames, UsageBlock } from './answers/answer-dialect.js';
import { usageBlock } from './answers/usage-block.js';
import { Attempts, Unserved, withFailure } from './attempts.js';
import { asProblem, logFailure, problemOfProvider, releaseReason } from './completions.problems.js';
import { chargeFor } from './ends/charge.js';
import { NOTHING, type Outcome, Settlements } from './ends/settlements.js';
import type { Generation } from './generation.js';
import type { StreamKeeping } from './repeats/recording.js';
import { type StreamEnd, StreamRelay } from './stream-relay.js';
import { type MeteredText, OpenEndedAnswers } from './tokens/open-ended-answers.js';
import { UsageEstimate } from './tokens/usage-estimate.js';

const OK = 200;

/** A completion as a stream: relayed as it comes, charged before its end is told. */
@Injectable()
export class ChatStreaming {
  private readonly logger = new Logger('streams');

  constructor(
    private readonly attempts: Attempts,
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
    private readonly openEnded: OpenEndedAnswers,
    private readonly clock: GatewayClock,
  ) {}

  /** Answers with the stream. Throws ApiError only while nothing was sent; everything has ended when this resolves. */
  async run(first: Generation, dialect: AnswerDialect, reply: FastifyReply, keeping: StreamKeeping): Promise<void> {
    // That of the reservation: the charge comes after the headers.
    const headers = {
      'x-generation-id': first.id,
      'x-request-id': reply.request.id,
      [LEDGER_POSITION]: first.reservedAt.toString(),
    };
    const relay = new StreamRelay(reply, dialect.keepAlive, headers, keeping);
    let generation = first;
    for (;;) {
      const stream = await this.accepted(generation, dialect, relay);
      if (!stream) return;
      const end = await relay.ended;
      const next = await this.insteadOf(stream, end, relay);
      if (!next) return this.finish(stream, relay, end);
      generation = next;
    }
  }

  /** @returns undefined where nobody accepted: the client has its answer then. Throws the problem while nothing was sent. */
  private async accepted(first: Generation, dialect: AnswerDialect, relay: StreamRelay): Promise<AcceptedStream | undefined> {
    try {
      const goesOn = () => relay.isConnected;
      const { answer, by } = await this.attempts.serve(first, (attempt) => this.call(attempt, dialect, relay), goesOn);
      // What was tried before is known only now that it has ended.
      answer.generation = { ...answer.generation, failed: by.failed };
      return answer;
    } catch (failure) {
      const { generation, error } = failure instanceof Unserved ? failure : { generation: first, error: failure };
      await this.failedBeforeStart(generation, relay, dialect, error);
      return undefined;
    }
  }

  private async call(attempt: Generation, dialect: AnswerDialect, relay: StreamRelay): Promise<AcceptedStream> {
    const { provider, call } = attempt;
    const cancel = new AbortController();
    const stream: AcceptedStream = { generation: attempt, frames: dialect.frames(attempt), meter: undefined, latencyMs: 0 };
    if (call.outputTokensMax === undefined) {
      stream.meter = this.openEnded.meter(attempt, relay, (held) => {
        stream.generation = held;
      });
    }
    relay.begin(stream.frames, {
      abort: provider.stopsBillingOnAbort ? () => cancel.abort() : undefined,
      exclude: call.reasoning?.exclude === true,
      took: stream.meter?.took,
    });
    relay.attach(await provider.stream({ ...call, signal: cancel.signal }, relay));
    stream.latencyMs = this.since(attempt);
    return stream;
  }

  /** Who serves instead of a stream that failed before a byte of it was served; undefined where it stands, or nobody can. */
  private async insteadOf({ generation }: AcceptedStream, end: StreamEnd, relay: StreamRelay): Promise<Generation | undefined> {
    const error = failureOf(end, generation);
    if (!error || relay.served || relay.generated || !relay.isConnected) return undefined;
    const next = await this.attempts.fallback(withFailure(generation, error), error);
    if (!next || !relay.isConnected) return undefined;
    logFailure(generation.id, error);
    return next;
  }

  private async finish(stream: AcceptedStream, relay: StreamRelay, end: StreamEnd): Promise<void> {
    stream.meter?.end();
    const { generation, frames } = stream;
    const failure = failureOf(end, generation);
    if (failure) logFailure(generation.id, failure);
    const tried = failure ? withFailure(generation, failure) : generation;
    try {
      const { usage, charged } = await this.endReservation(stream, tried, relay, end);
      const last = failure ? frames.error(problemOfProvider(failure, tried.failed)) : frames.end(usage);
      // Who gets the stream again must see that it is not whole, though nobody was there when it ended.
      await relay.recording?.end(charged, end.as === 'client_gone' ? frames.error(CLIENT_LEFT, usage) : last);
      relay.close(last);
    } catch (error) {
      // Whatever it is, nothing of it may stay open. A settlement that was stored stands.
      this.logger.error({ msg: 'a stream could not be ended', generationId: generation.id, error: String(error) });
      await this.settlements.release(tried, 'provider_error');
      await relay.recording?.end(false);
      relay.close(frames.error(BUG));
    }
  }

  private async failedBeforeStart(
    generation: Generation,
    relay: StreamRelay,
    dialect: AnswerDialect,
    error: unknown,
  ): Promise<void> {
    logFailure(generation.id, error);
    await this.settlements.release(generation, relay.isConnected ? releaseReason(error) : 'client_gone');
    const problem = asProblem(error, generation.failed);
    await relay.recording?.end(false);
    if (!relay.isOpen) {
      relay.abandon();
      throw problem;
    }
    relay.close(dialect.frames(generation).error(problem instanceof ApiError ? problem : BUG));
  }

  /** @returns the usage that the client is told, and whether anything was served */
  private async endReservation(stream: AcceptedStream, tried: Generation, relay: StreamRelay, end: StreamEnd): Promise<Ending> {
    const { generation } = stream;
    const ended = end.as === 'completed' || end.as === 'out_of_credits';
    if (isServed(relay.generated, ended ? relay.finishReason : undefined, relay.reported)) {
      const outcome = await this.outcome(stream, relay, end);
      this.attempts.served(generation, completionTokens(outcome.usage), outcome.answer);
      await this.settlements.settle(generation, outcome);
      return { usage: usageBlock(outcome.usage, outcome.cost), charged: true };
    }
    await this.settlements.release(tried, RELEASE_REASON[end.as]);
    return { usage: usageBlock(relay.reported?.usage ?? {}, NOTHING), charged: false };
  }

  private async outcome({ generation, latencyMs }: AcceptedStream, relay: StreamRelay, end: StreamEnd): Promise<Outcome> {
    const outcome = relay.isConnected ? OUTCOME[end.as] : 'client_gone';
    const counted = await this.estimate.complete(generation, relay.reported, () => relay.generatedText);
    // The provider's figures, though nobody was there any more to be served.
    const source = counted.source === 'provider' && end.as !== 'client_gone' && !relay.isConnected ? 'drained' : counted.source;
    const anomalies =
      relay.textCut && source === 'estimated' ? [...counted.anomalies, 'answer_longer_than_counted'] : counted.anomalies;
    const answer = {
      streamed: true,
      ...(relay.finishReason === undefined ? {} : { finishReason: relay.finishReason }),
      latencyMs,
      durationMs: this.since(generation),
    };
    return {
      ...chargeFor(generation, counted.usage),
      source,
      anomalies,
      outcome,
      upstreamId: relay.upstreamId,
      status: OK,
      answer,
    };
  }

  private since({ at }: Generation): number {
    return Math.max(0, this.clock.now() - at);
  }
}

/** A stream that a provider has accepted. */
interface AcceptedStream {
  /** With what is held for it now. */
  generation: Generation;
  readonly frames: StreamFrames;
  meter: MeteredText | undefined;
  latencyMs: number;
}

interface Ending {
  readonly usage: UsageBlock;
  readonly charged: boolean;
}

/** The last frame of a stream that is given again and had been left before its end: nginx's status for that. */
const CLIENT_LEFT = new ApiError(
  499,
  'client_gone',
  'The client left before the end of this answer: this is all that was generated and charged',
  { metadata: { error_type: 'unmapped', reason: 'client_gone' } },
);

const RELEASE_REASON = {
  completed: 'nothing_served',
  out_of_credits: 'nothing_served',
  client_gone: 'client_gone',
  failed: 'provider_error',
  broken_off: 'provider_error',
} as const;

const OUTCOME = {
  completed: 'completed',
  out_of_credits: 'out_of_credits',
  client_gone: 'client_gone',
  failed: 'cut',
  broken_off: 'cut',
} as const;

const BUG = new ApiError(500, 'server_error', 'Something went wrong here', { metadata: { error_type: 'server' } });

function failureOf(end: StreamEnd, { provider }: Generation): ProviderError | undefined {
  if (end.as === 'failed') return end.error;
  if (end.as !== 'broken_off') return undefined;
  return new ProviderError('unavailable', 'the stream ended early', { provider: provider.name, status: OK });
}
