import { Injectable } from '@nestjs/common';
import { ApiError } from '../../http/api-error.js';
import { presentedKey } from '../../http/authentication.js';
import { GatewayClock } from '../../http/clock.js';
import { statePosition } from '../../http/ledger-position.js';
import {
  type Claim,
  contentOf,
  IdempotentRequests,
  JSON_TYPE,
  keyInUse,
  prepareReplay,
  principalScope,
  STREAM_TYPE,
} from '../../idempotency/index.js';
import type { AskedChat } from '../asked-chat.js';
import { ChatCompletion } from '../complete-chat.js';
import type { Generation } from '../generation.js';
import { GenerationStart } from '../start-generation.js';
import { ChatStreaming } from '../stream-chat.js';
import { AttemptEnds } from './attempt-ends.js';
import { Recording } from './recording.js';

const OK = 200;

/** A completion whose client has named its request with an Idempotency-Key: it is served and charged once. */
@Injectable()
export class NamedChat {
  constructor(
    private readonly requests: IdempotentRequests,
    private readonly generations: GenerationStart,
    private readonly completion: ChatCompletion,
    private readonly streaming: ChatStreaming,
    private readonly ends: AttemptEnds,
    private readonly clock: GatewayClock,
  ) {}

  /** Serves the request, or gives the answer that it had. Nothing is reserved before the claim to it is stored. */
  async run(asked: AskedChat, key: string): Promise<void> {
    const { principal, request, reply } = asked;
    const named = {
      scope: principalScope(principal),
      key,
      credential: presentedKey(request) as string,
      content: contentOf(request, request.body),
    };
    const claimed = await this.requests.claim(named, (id, since) => this.ends.of(principal.accountId, id, since));
    if ('answer' in claimed) return void reply.send(prepareReplay(reply, claimed.answer));
    const since = new Date(this.clock.now());
    const generation = await this.start(asked, claimed.claim);
    try {
      await (asked.chat.stream === true
        ? this.stream(generation, asked, claimed.claim)
        : this.complete(generation, asked, claimed.claim));
    } catch (error) {
      await this.endByLedger(generation, claimed.claim, since);
      throw error;
    }
  }

  private async start({ chat, principal }: AskedChat, claim: Claim): Promise<Generation> {
    try {
      return await this.generations.start(chat, principal, claim);
    } catch (error) {
      const madeBefore = error instanceof ApiError && error.code === 'reservation_conflict';
      await (madeBefore ? claim.leave() : claim.free());
      throw madeBefore ? keyInUse() : error;
    }
  }

  private async complete(generation: Generation, { reply, dialect }: AskedChat, claim: Claim): Promise<void> {
    const { body, charged, position } = await this.completion.run(generation, dialect);
    if (charged) await claim.keep({ status: OK, contentType: JSON_TYPE, generationId: generation.id, body });
    else await claim.free();
    statePosition(reply, position);
    void reply.header('x-generation-id', generation.id).header('content-type', JSON_TYPE).send(body);
  }

  private async stream(generation: Generation, { reply, dialect }: AskedChat, claim: Claim): Promise<void> {
    const recording = new Recording(async (charged, body) => {
      if (!charged) await claim.free();
      else if (body === undefined) await claim.notKept();
      else await claim.keep({ status: OK, contentType: STREAM_TYPE, generationId: generation.id, body });
    });
    await this.streaming.run(generation, dialect, reply, { recording });
  }

  /** It failed here. Whether it was charged all the same is for the ledger to say. */
  private async endByLedger({ id, principal }: Generation, claim: Claim, since: Date): Promise<void> {
    const end = await this.ends.of(principal.accountId, id, since).catch(() => 'open');
    if (end === 'open') await claim.leave();
    else if (end === 'charged') await claim.notKept();
    else await claim.free();
  }
}
