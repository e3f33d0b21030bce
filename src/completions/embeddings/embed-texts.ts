import { Injectable } from '@nestjs/common';
import type { Principal } from '../../http/authentication.js';
import { GatewayClock } from '../../http/clock.js';
import { type Embedded, ProviderError } from '../../providers/index.js';
import { usageBlock } from '../answers/usage-block.js';
import { Attempts, Unserved } from '../attempts.js';
import { asProblem, logFailure, releaseReason } from '../completions.problems.js';
import { chargeFor } from '../ends/charge.js';
import { Settlements } from '../ends/settlements.js';
import type { Generation } from '../generation.js';
import { GenerationStart } from '../start-generation.js';
import { UsageEstimate } from '../tokens/usage-estimate.js';
import { type EmbeddingsRequest, inputsOf, paidAs } from './embeddings-request.js';

const OK = 200;

export interface EmbeddingsAnswer {
  readonly id: string;
  readonly object: 'list';
  readonly data: readonly {
    readonly object: 'embedding';
    readonly index: number;
    readonly embedding: readonly number[] | string;
  }[];
  readonly model: string;
  readonly usage: object;
}

/** Embeds texts the way a completion is served: reserve, call, settle. */
@Injectable()
export class TextEmbedding {
  constructor(
    private readonly generations: GenerationStart,
    private readonly attempts: Attempts,
    private readonly settlements: Settlements,
    private readonly estimate: UsageEstimate,
    private readonly clock: GatewayClock,
  ) {}

  /** Throws ApiError, as a completion does; the charge is durable, or kept, when this resolves. */
  async run(
    request: EmbeddingsRequest,
    principal: Principal,
  ): Promise<{ readonly answer: EmbeddingsAnswer; readonly position: bigint | undefined }> {
    const first = await this.generations.start(paidAs(request), principal, undefined, 'embeddings');
    const { embedded, by } = await this.served(first, request);
    // There is no answer to count: a provider that reports its prompt has reported all.
    const reported = embedded.usage && { ...embedded.usage, usage: { output_visible: 0, ...embedded.usage.usage } };
    const counted = await this.estimate.complete(by, reported, () => '');
    const { usage, cost } = chargeFor(by, { ...counted.usage, output_visible: 0 });
    const durationMs = Math.max(0, this.clock.now() - by.at);
    const position = await this.settlements.settle(by, {
      ...counted,
      usage,
      cost,
      outcome: 'completed',
      upstreamId: undefined,
      status: OK,
      answer: { streamed: false, latencyMs: durationMs, durationMs },
    });
    const inBase64 = request.encoding_format === 'base64';
    const answer: EmbeddingsAnswer = {
      id: by.id,
      object: 'list',
      data: embedded.vectors.map((vector, index) => ({
        object: 'embedding',
        index,
        embedding: inBase64 ? base64(vector) : vector,
      })),
      model: by.model.id,
      usage: usageBlock(usage, cost),
    };
    return { answer, position };
  }

  private async served(first: Generation, request: EmbeddingsRequest): Promise<{ embedded: Embedded; by: Generation }> {
    const input = inputsOf(request);
    try {
      const { answer, by } = await this.attempts.serve(first, ({ provider, call }) => {
        if (!provider.embed)
          throw new ProviderError('refused', `${provider.name} has no embeddings.`, { provider: provider.name, status: 0 });
        return provider.embed({ upstreamModel: call.upstreamModel, input, dimensions: request.dimensions ?? undefined });
      });
      return { embedded: answer, by };
    } catch (failure) {
      const { generation, error } = failure instanceof Unserved ? failure : { generation: first, error: failure };
      logFailure(generation.id, error);
      await this.settlements.release(generation, releaseReason(error));
      throw asProblem(error, generation.failed);
    }
  }
}

/** Little-endian 32-bit floats, as OpenAI's client asks for them by default. */
const base64 = (vector: readonly number[]): string => Buffer.from(new Float32Array(vector).buffer).toString('base64');
