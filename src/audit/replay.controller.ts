import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { EventStore } from '../event-store/event-store.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { ApiError } from '../http/api-error.js';
import { isAccountId } from '../kernel/ids.js';
import { type ReplayedStep, replayAccount } from './replay-account.js';
import { problemToJson, stepToJson } from './replay-json.js';
import { isBefore, isShown, parseReplayQuery, type ReplayQuery } from './replay-query.js';
import type { Problem } from './rules/account-audit-rules.js';

/** Lines written at once. */
const LINES_PER_CHUNK = 64;

/**
 * An account step by step, by the auditor who shares no code with the accounts. A page audits from the first event to its end, since
 * the state is a fold: who wants all of a long account asks for `jsonl`, which reads it once.
 */
@Controller('api/v3/admin/accounts')
@UseGuards(AdministrationGuard)
export class ReplayController {
  constructor(private readonly store: EventStore) {}

  @Get(':user_id/replay')
  async replay(@Param('user_id') accountId: string, @Query() asked: unknown, @Res() reply: FastifyReply): Promise<void> {
    const query = parseReplayQuery(asked);
    if (!isAccountId(accountId)) throw accountNotFound();
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    const isWanted = isBefore(query.as_of);
    const steps = replayAccount(this.store, accountId, { isWanted, signal: left.signal });
    // A refusal is an answer with a status, so nothing is sent before there is something to send.
    const first = await steps.next();
    if (first.done) {
      if (left.signal.aborted) return;
      throw accountNotFound();
    }
    if (query.format === 'json') return void reply.send(await pageOf(accountId, query, first.value, steps));
    const lines = Readable.from(linesOf(query, first.value, steps), { objectMode: false, highWaterMark: 65_536 });
    await reply.header('content-type', 'application/x-ndjson; charset=utf-8').send(lines);
  }
}

type Steps = AsyncGenerator<ReplayedStep, readonly Problem[]>;

async function pageOf(accountId: string, query: ReplayQuery, first: ReplayedStep, steps: Steps): Promise<object> {
  const shows = isShown(query);
  const shown: object[] = [];
  let next: number | null = null;
  let problems: readonly Problem[] = [];
  for (let step = first; ; ) {
    if (shows(step.event.revision, step.fact)) {
      if (shown.length === query.limit) {
        next = step.event.revision;
        await steps.return([]);
        break;
      }
      shown.push(stepToJson(step));
    }
    const { done, value } = await steps.next();
    if (done) {
      problems = value;
      break;
    }
    step = value;
  }
  return { account_id: accountId, steps: shown, next_from_revision: next, problems: problems.map(problemToJson) };
}

/** A line for each step, and a last one that says that there are no more: without it, the answer was cut off. */
async function* linesOf(query: ReplayQuery, first: ReplayedStep, steps: Steps): AsyncGenerator<string> {
  const shows = isShown(query);
  let chunk: string[] = [];
  let [shown, wrong, mismatches] = [0, 0, 0];
  try {
    for (let step = first; ; ) {
      wrong += step.problems.length;
      if (step.settlement?.result === 'mismatch') mismatches += 1;
      if (shows(step.event.revision, step.fact)) {
        shown += 1;
        chunk.push(`${JSON.stringify(stepToJson(step))}\n`);
      }
      if (chunk.length === LINES_PER_CHUNK) {
        yield chunk.join('');
        chunk = [];
      }
      const { done, value } = await steps.next();
      if (done) {
        const end = { end: true, steps: shown, problems: wrong + value.length, mismatches, last: value.map(problemToJson) };
        chunk.push(`${JSON.stringify(end)}\n`);
        yield chunk.join('');
        return;
      }
      step = value;
    }
  } finally {
    await steps.return([]);
  }
}

const accountNotFound = (): ApiError =>
  new ApiError(404, 'account_not_found', 'There is no such account, or none at that moment', {
    param: 'user_id',
    metadata: { error_type: 'not_found' },
  });
