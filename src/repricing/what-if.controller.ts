import { Body, Controller, HttpCode, Post, UseGuards } from '@nestjs/common';
import { AccountWriter, isOpen } from '../accounts/index.js';
import { EventStore } from '../event-store/event-store.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { invalid } from '../http/validation.js';
import { isAccountId } from '../kernel/ids.js';
import { PriceBook, type PublishedPrices, priceTable } from '../pricing/index.js';
import { TooManyCalls } from './charged-calls.js';
import { type Rating, ratingOf } from './rate-call.js';
import { accountNotFound, priceVersionNotFound, tooManyCalls } from './repricing.problems.js';
import { parseWhatIf } from './repricing-bodies.js';
import { selectCalls } from './select-calls.js';
import { whatIf } from './what-if.js';

const CALLS_MAX = 10_000;
const FORMULA = 'usage@2';

/** What calls would have cost by other prices. Writes nothing. */
@Controller('api/v3/admin/what-if')
@UseGuards(AdministrationGuard)
export class WhatIfController {
  constructor(
    private readonly store: EventStore,
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
  ) {}

  @Post()
  @HttpCode(200)
  async compare(@Body() body: unknown): Promise<object> {
    const { accountId, selection, priceVersion, prices } = parseWhatIf(body, this.prices);
    const rating = prices ? ratingBy(prices) : ratingOf(this.prices, priceVersion ?? '');
    if (!rating) throw priceVersionNotFound();
    if (!isAccountId(accountId)) throw accountNotFound();
    if (!isOpen((await this.accounts.refresh(accountId)).account)) throw accountNotFound();
    const { calls, position } = await selectCalls(this.store, accountId, selection, CALLS_MAX).catch((error) => {
      throw error instanceof TooManyCalls ? tooManyCalls(CALLS_MAX) : error;
    });
    return {
      account_id: accountId,
      ...(priceVersion === undefined ? {} : { price_version: priceVersion }),
      formula_version: rating.formulaVersion,
      position: position.toString(),
      ...whatIf(calls, rating),
    };
  }
}

function ratingBy(prices: PublishedPrices): Rating {
  try {
    return { prices: priceTable(prices, FORMULA), formulaVersion: FORMULA };
  } catch (error) {
    throw invalid('prices', (error as Error).message);
  }
}
