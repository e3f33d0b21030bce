import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ANSWER_MAX_BYTES, contentOf, type KeptAnswer } from '../../idempotency/index.js';
import type { AskedChat } from '../asked-chat.js';

/** Bounds of what this process keeps for clients that may never ask again. */
const ORPHANS_MAX = 1_000;
const BYTES_MAX = 64 * 1024 * 1024;
const KEPT_MS = 60 * 60_000;

/** An answer that may still be on its way; undefined where there is none, or nothing was charged for it. */
export type ComingAnswer = Promise<KeptAnswer | undefined>;

interface Orphan {
  readonly keyId: string;
  readonly digest: string;
  readonly answer: ComingAnswer;
  readonly forget: NodeJS.Timeout;
  bytes: number;
}

/**
 * Answers that were charged, or will be, while their clients' connections broke before they got them. A client that asks the
 * same again, without an Idempotency-Key, gets its answer instead of a second call; each is given once. Two requests whose
 * clients both wait are two calls and never meet here.
 */
@Injectable()
export class OrphanedAnswers {
  private readonly byKey = new Map<string, Set<Orphan>>();
  /** The longest kept first. */
  private readonly all = new Set<Orphan>();
  private bytes = 0;

  /** The answer that an identical request has left behind; it is nobody else's from now on. Costs a look at a map. */
  claim(asked: AskedChat): ComingAnswer | undefined {
    const orphans = this.byKey.get(asked.principal.keyId);
    if (!orphans) return undefined;
    const digest = digestOf(asked);
    for (const orphan of orphans) {
      if (orphan.digest !== digest) continue;
      this.remove(orphan);
      return orphan.answer;
    }
    return undefined;
  }

  /** Keeps the answer of a request whose client leaves before all of it was sent. */
  watch(asked: AskedChat, answer: () => ComingAnswer): void {
    const { raw } = asked.reply;
    const closed = () => {
      if (!raw.writableFinished) this.add(asked, answer());
    };
    if (raw.destroyed) closed();
    else raw.once('close', closed);
  }

  /** Keeps an answer for the next identical request. */
  add(asked: AskedChat, coming: ComingAnswer): void {
    const { keyId } = asked.principal;
    const answer = coming.catch(() => undefined);
    const forget = setTimeout(() => this.remove(orphan), KEPT_MS).unref();
    const orphan: Orphan = { keyId, digest: digestOf(asked), answer, forget, bytes: 0 };
    this.all.add(orphan);
    const ofKey = this.byKey.get(keyId);
    if (ofKey) ofKey.add(orphan);
    else this.byKey.set(keyId, new Set([orphan]));
    void answer.then((came) => this.weigh(orphan, came));
    this.makeRoom();
  }

  private weigh(orphan: Orphan, came: KeptAnswer | undefined): void {
    if (!this.all.has(orphan)) return;
    if (came === undefined || came.body.length > ANSWER_MAX_BYTES) {
      this.remove(orphan);
    } else {
      orphan.bytes = came.body.length;
      this.bytes += orphan.bytes;
      this.makeRoom();
    }
  }

  private makeRoom(): void {
    for (const orphan of this.all) {
      if (this.all.size <= ORPHANS_MAX && this.bytes <= BYTES_MAX) return;
      this.remove(orphan);
    }
  }

  private remove(orphan: Orphan): void {
    if (!this.all.delete(orphan)) return;
    clearTimeout(orphan.forget);
    this.bytes -= orphan.bytes;
    const ofKey = this.byKey.get(orphan.keyId);
    ofKey?.delete(orphan);
    if (ofKey?.size === 0) this.byKey.delete(orphan.keyId);
  }
}

/** Computed when a connection has broken, never for a request that goes well. */
const digestOf = ({ principal, request }: AskedChat): string =>
  createHash('sha256')
    .update(`${principal.accountId}\n${contentOf(request, request.body)}`)
    .digest('base64');
