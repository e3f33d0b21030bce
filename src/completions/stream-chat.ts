import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ApiError } from '../http/api-error.js';
import { type ChatStream, ProviderError } from '../providers/index.js';
import { isServed } from './answer.js';
import { ChunkFrames } from './chunk-frames.js';
import { asProblem, logFailure, problemOfProvider, releaseReason } from './completions.problems.js';
import type { Generation } from './generation.js';
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
  async run(generation: Generation, reply: FastifyReply): Promise<void> {
    const { provider, call, id } = generation;
    const frames = new ChunkFrames(generation);
    const cancel = new AbortController();
    const headers = { 'x-generation-id': id, 'x-request-id': reply.request.id };
    const relay = new StreamRelay(reply, frames, headers, provider.stopsBillingOnAbort ? () => cancel.abort() : undefined);
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
    const cost = await this.endReservation(generation, relay, end);
    if (problem) relay.close(errorFrame(frames, problem));
    else relay.close(frames.usage(cost, generation.request.stream_options?.include_usage === true), ChunkFrames.done);
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
    if (relay.isOpen) return relay.close(errorFrame(frames, problem));
    relay.abandon();
    throw problem;
  }

  /** @returns the usage that the client is told */
  private async endReservation(generation: Generation, relay: StreamRelay, end: StreamEnd): Promise<object> {
    if (isServed(relay.generated, end.as === 'completed' ? relay.finishReason : undefined, relay.reported)) {
      const outcome = await this.outcome(generation, relay, end);
      return usageBlock(outcome.usage, await this.settlements.settle(generation, outcome));
    }
    await this.settlements.release(generation, RELEASE_REASON[end.as]);
    return usageBlock(relay.reported?.usage ?? {}, NOTHING);
  }

  private async outcome(generation: Generation, relay: StreamRelay, end: StreamEnd): Promise<Outcome> {
    const outcome = end.as === 'client_gone' || !relay.isConnected ? 'client_gone' : end.as === 'completed' ? 'completed' : 'cut';
    const counted = await this.estimate.complete(generation, relay.reported, relay.generatedText);
    // The provider's figures, though nobody was there any more to be served.
    const source = counted.source === 'provider' && end.as !== 'client_gone' && !relay.isConnected ? 'drained' : counted.source;
    const anomalies =
      relay.textCut && source === 'estimated' ? [...counted.anomalies, 'answer_longer_than_counted'] : counted.anomalies;
    return { usage: counted.usage, source, anomalies, outcome, upstreamId: relay.upstreamId, status: OK };
  }
}

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
