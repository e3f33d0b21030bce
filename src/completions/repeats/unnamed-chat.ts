import { Injectable } from '@nestjs/common';
import { statePosition } from '../../http/ledger-position.js';
import { JSON_TYPE, type KeptAnswer, prepareReplay, STREAM_TYPE } from '../../idempotency/index.js';
import type { AskedChat } from '../asked-chat.js';
import { type ChatAnswer, ChatCompletion } from '../complete-chat.js';
import { GenerationStart } from '../start-generation.js';
import { ChatStreaming } from '../stream-chat.js';
import { type ComingAnswer, OrphanedAnswers } from './orphaned-answers.js';
import { Recording } from './recording.js';

const OK = 200;

/** A completion without an Idempotency-Key: each request is a call, unless it repeats one whose answer never arrived. */
@Injectable()
export class UnnamedChat {
  constructor(
    private readonly generations: GenerationStart,
    private readonly completion: ChatCompletion,
    private readonly streaming: ChatStreaming,
    private readonly orphans: OrphanedAnswers,
  ) {}

  async run(asked: AskedChat): Promise<void> {
    const orphaned = this.orphans.claim(asked);
    if (orphaned && (await this.give(asked, orphaned))) return;
    if (asked.chat.stream === true) await this.stream(asked);
    else await this.complete(asked);
  }

  /** Gives the answer of an earlier request, or keeps it on where this client leaves as well. @returns whether there was one */
  private async give(asked: AskedChat, orphaned: ComingAnswer): Promise<boolean> {
    const { reply } = asked;
    this.orphans.watch(asked, () => orphaned);
    const answer = await orphaned;
    if (answer) void reply.send(prepareReplay(reply, answer));
    return answer !== undefined;
  }

  private async complete(asked: AskedChat): Promise<void> {
    const answering = this.answer(asked);
    this.orphans.watch(asked, () => answering.then(keptIfCharged));
    const { generationId, body, position } = await answering;
    statePosition(asked.reply, position);
    void asked.reply.header('x-generation-id', generationId).header('content-type', JSON_TYPE).send(body);
  }

  private async answer({ chat, principal, dialect }: AskedChat): Promise<ChatAnswer> {
    return this.completion.run(await this.generations.start(chat, principal), dialect);
  }

  private async stream(asked: AskedChat): Promise<void> {
    const generation = await this.generations.start(asked.chat, asked.principal);
    let tell: (answer: KeptAnswer | undefined) => void = () => undefined;
    const onUnserved = () => {
      const coming = new Promise<KeptAnswer | undefined>((resolve) => {
        tell = resolve;
      });
      this.orphans.add(asked, coming);
      return new Recording(async (charged, body) =>
        tell(charged && body !== undefined ? { ...STREAM_ANSWER, generationId: generation.id, body } : undefined),
      );
    };
    try {
      await this.streaming.run(generation, asked.dialect, asked.reply, { onUnserved });
    } finally {
      tell(undefined);
    }
  }
}

const STREAM_ANSWER = { status: OK, contentType: STREAM_TYPE } as const;

const keptIfCharged = ({ generationId, body, charged }: ChatAnswer): KeptAnswer | undefined =>
  charged ? { status: OK, contentType: JSON_TYPE, generationId, body } : undefined;
