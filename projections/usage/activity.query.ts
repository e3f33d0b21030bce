import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { usageOfDayEntity } from './usage.entity.js';
import { UsageRowsReader } from './usage-rows.js';

/** What an account used of one model at one provider in a day of UTC. */
export interface Activity {
  /** `yyyy-mm-dd` */
  readonly day: string;
  readonly model: string;
  readonly provider: string;
  readonly requests: bigint;
  readonly promptTokens: bigint;
  readonly completionTokens: bigint;
  readonly reasoningTokens: bigint;
  /** Nano-credits. */
  readonly cost: bigint;
}

/** What did this account use from a day to another, both included, the newest day first; by one key where one is named. */
export class GetActivity extends Query<readonly Activity[]> {
  constructor(
    readonly accountId: string,
    readonly position: bigint,
    readonly firstDay: string,
    readonly lastDay: string,
    readonly keyId: string | undefined,
  ) {
    super();
  }
}

@QueryHandler(GetActivity)
export class GetActivityHandler implements IQueryHandler<GetActivity> {
  constructor(private readonly rows: UsageRowsReader) {}

  async execute({ accountId, position, firstDay, lastDay, keyId }: GetActivity): Promise<readonly Activity[]> {
    const sums = await this.rows.readFresh(accountId, position, (manager) => {
      const query = manager
        .createQueryBuilder(usageOfDayEntity, 'used')
        .select(['day', 'model', 'provider'])
        .addSelect('SUM(requests)', 'requests')
        .addSelect('SUM(prompt_tokens)', 'promptTokens')
        .addSelect('SUM(completion_tokens)', 'completionTokens')
        .addSelect('SUM(reasoning_tokens)', 'reasoningTokens')
        .addSelect('SUM(cost)', 'cost')
        .where('account_id = :accountId AND day BETWEEN :firstDay AND :lastDay', { accountId, firstDay, lastDay })
        .groupBy('day, model, provider')
        .orderBy('day', 'DESC')
        .addOrderBy('model')
        .addOrderBy('provider');
      if (keyId !== undefined) query.andWhere('key_id = :keyId', { keyId });
      return query.getRawMany<Record<keyof Activity, string>>();
    });
    return sums.map(({ day, model, provider, ...counted }) => ({
      day,
      model,
      provider,
      requests: BigInt(counted.requests),
      promptTokens: BigInt(counted.promptTokens),
      completionTokens: BigInt(counted.completionTokens),
      reasoningTokens: BigInt(counted.reasoningTokens),
      cost: BigInt(counted.cost),
    }));
  }
}
