import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { ApiError } from '../../src/http/api-error.js';
import { COLUMN, figuresSql } from './figures-sql.js';
import type { Dimension, UsageQuestion } from './usage-question.js';
import { UsageRowsReader } from './usage-rows.js';

/** What was used by one group, exact. Amounts are nano-credits. */
export interface UsageFigures {
  /** Of the dimensions that were asked for. */
  readonly group: Readonly<Partial<Record<Dimension, string>>>;
  readonly requests: bigint;
  readonly estimatedRequests: bigint;
  readonly promptTokens: bigint;
  readonly cachedTokens: bigint;
  readonly completionTokens: bigint;
  readonly reasoningTokens: bigint;
  readonly cost: bigint;
}

/** In a fixed order, at least as fresh as `position`. Groups that used nothing are absent. */
export class GetUsageFigures extends Query<readonly UsageFigures[]> {
  constructor(
    readonly question: UsageQuestion,
    readonly position: bigint,
  ) {
    super();
  }
}

/** An answer is made in memory. */
const ROWS_MAX = 10_000;

@QueryHandler(GetUsageFigures)
export class GetUsageFiguresHandler implements IQueryHandler<GetUsageFigures> {
  constructor(private readonly rows: UsageRowsReader) {}

  async execute({ question, position }: GetUsageFigures): Promise<readonly UsageFigures[]> {
    const { text, values } = figuresSql(question, ROWS_MAX + 1);
    const found: Record<string, string>[] = await this.rows.readFresh(question.accountId, position, (manager) =>
      manager.query(text, [...values]),
    );
    if (found.length > ROWS_MAX) throw tooManyRows();
    return found.map((row) => figuresOf(row, question.groupBy));
  }
}

/** A row of `figuresSql`. */
export const figuresOf = (row: Readonly<Record<string, string>>, groupBy: readonly Dimension[]): UsageFigures => {
  const count = (name: string): bigint => BigInt(row[name] as string);
  return {
    group: Object.fromEntries(groupBy.map((dimension) => [dimension, row[COLUMN[dimension]] as string])),
    requests: count('requests'),
    estimatedRequests: count('estimated_requests'),
    promptTokens: count('prompt_tokens'),
    cachedTokens: count('cached_tokens'),
    completionTokens: count('completion_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    cost: count('cost'),
  };
};

const tooManyRows = (): ApiError =>
  new ApiError(400, 'invalid_request', `"group_by": the answer would have more than ${ROWS_MAX} rows; ask for less at once`, {
    param: 'group_by',
    metadata: { error_type: 'invalid_request' },
  });
