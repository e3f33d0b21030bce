import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { costOf } from '../pricing/index.js';
import { type ChatStream, ProviderError } from '../providers/index.js';
import { isServed } from './answer.js';
import { ChunkFrames } from './chunk-frames.js';
import { asProblem, logFailure, problemOfProvider, releaseReason } from './completions.problems.js';
import type { Generation } from './generation.js';
import type { StreamKeeping } from './recording.js';
import { NOTHING, type Outcome, Settlements } from './settlements.js';
import { type StreamEnd, StreamRelay } from './stream-relay.js';
import { usageBlock } from './usage-block.js';
import { UsageEstimate } from './usage-estimate.js';

const OK = 200;

/** A completion as a stream: relayed as it comes, charged before its end is told. */
@Injectable()
export class ChatStreaming {
  constructor(
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
  ) {}

  /** Answers with the stream. Throws ApiError only while nothing was sent; everything has ended when this resolves. */
  async run(generation: Generation, reply: FastifyReply, keeping: StreamKeeping): Promise<void> {
    const { provider, call, id } = generation;
    const frames = new ChunkFrames(generation);
    const cancel = new AbortController();
    const headers = { 'x-generation-id': id, 'x-request-id': reply.request.id };
    const abort = provider.stopsBillingOnAbort ? () => cancel.abort() : undefined;
    const relay = new StreamRelay(reply, frames, headers, abort, keeping);
    let upstream: ChatStream;
    try {
      upstream = await provider.stream({ ...call, signal: cancel.signal }, relay);
    } catch (error) {
      return this.failedBeforeStart(generation, relay, frames, error);
    }
    relay.attach(upstream);
    const end = await relay.ended;
    if (end.as === 'failed') logFailure(id, end.error);
    const problem = problemOf(end, generation);
    const { usage, charged } = await this.endReservation(generation, relay, end);
    const told = frames.usage(usage, generation.request.stream_options?.include_usage === true);
    const last = problem ? [errorFrame(frames, problem)] : [told, ChunkFrames.done];
    // Who gets the stream again must see that it is not whole, though nobody was there when it ended.
    await relay.recording?.end(charged, ...(end.as === 'client_gone' ? [told, frames.error(...CLIENT_LEFT)] : last));
    relay.close(...last);
  }

  private async failedBeforeStart(
    generation: Generation,
    relay: StreamRelay,
    frames: ChunkFrames,
    error: unknown,
  ): Promise<void> {
    logFailure(generation.id, error);
    await this.settlements.release(generation, relay.isConnected ? releaseReason(error) : 'client_gone');
    const problem = asProblem(error);
    await relay.recording?.end(false);
    if (relay.isOpen) return relay.close(errorFrame(frames, problem));
    relay.abandon();
    throw problem;
  }

  /** @returns the usage that the client is told, and whether anything was served */
  private async endReservation(generation: Generation, relay: StreamRelay, end: StreamEnd): Promise<Ending> {
    if (isServed(relay.generated, end.as === 'completed' ? relay.finishReason : undefined, relay.reported)) {
      const outcome = await this.outcome(generation, relay, end);
      await this.settlements.settle(generation, outcome);
      return { usage: usageBlock(outcome.usage, outcome.cost), charged: true };
    }
    await this.settlements.release(generation, RELEASE_REASON[end.as]);
    return { usage: usageBlock(relay.reported?.usage ?? {}, NOTHING), charged: false };
  }

  private async outcome(generation: Generation, relay: StreamRelay, end: StreamEnd): Promise<Outcome> {
    const outcome = end.as === 'client_gone' || !relay.isConnected ? 'client_gone' : end.as === 'completed' ? 'completed' : 'cut';
    const counted = await this.estimate.complete(generation, relay.reported, relay.generatedText);
    // The provider's figures, though nobody was there any more to be served.
    const source = counted.source === 'provider' && end.as !== 'client_gone' && !relay.isConnected ? 'drained' : counted.source;
    const anomalies =
      relay.textCut && source === 'estimated' ? [...counted.anomalies, 'answer_longer_than_counted'] : counted.anomalies;
    const cost = costOf(counted.usage, generation.model.prices);
    return { usage: counted.usage, cost, source, anomalies, outcome, upstreamId: relay.upstreamId, status: OK };
  }
}

interface Ending {
  readonly usage: object;
  readonly charged: boolean;
}

/** The last frame of a stream that is given again and had been left before its end: nginx's status for that. */
const CLIENT_LEFT = [
  499,
  'The client left before the end of this answer: this is all that was generated and charged',
  { error_type: 'unmapped', reason: 'client_gone' },
] as const;

const RELEASE_REASON = {
  completed: 'nothing_served',
  client_gone: 'client_gone',
  failed: 'provider_error',
  broken_off: 'provider_error',
} as const;

function problemOf(end: StreamEnd, { provider }: Generation): ApiError | undefined {
  if (end.as === 'failed') return problemOfProvider(end.error);
  if (end.as !== 'broken_off') return undefined;
  return problemOfProvider(new ProviderError('unavailable', 'the stream ended early', { provider: provider.name, status: OK }));
}

function errorFrame(frames: ChunkFrames, problem: unknown): string {
  if (!(problem instanceof ApiError)) return frames.error(500, 'Something went wrong here', { error_type: 'server' });
  return frames.error(problem.status, problem.message, problem.details.metadata ?? { error_type: 'server' });
}
