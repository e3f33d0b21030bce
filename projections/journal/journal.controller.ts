import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { z } from 'zod';
import { AdministrationGuard } from '../../src/http/administration.guard.js';
import { parse } from '../../src/http/validation.js';
import { formatSignedCredits as signed } from '../../src/kernel/credits.js';
import { isAccountId } from '../../src/kernel/ids.js';
import { instantToText } from '../../src/kernel/time.js';
import { CHART } from './chart.projection.js';
import { GetJournalEntries } from './journal-entries.query.js';
import { linesFrom } from './journal-reads.js';
import type { JournalEntry } from './journal-tables.projection.js';
import { GetTrialBalance } from './trial-balance.query.js';

const LIMIT_MAX = 1_000;
const POSITION_MAX = 2n ** 63n;

const month = z.string().regex(/^[12]\d{3}-(0[1-9]|1[0-2])$/, 'must be a month, yyyy-mm');
const accountId = z.string().refine(isAccountId, 'must be the id of an account');
const position = z
  .string()
  .regex(/^\d{1,19}$/, 'must be a position that a write answered with')
  .transform((text) => BigInt(text))
  .refine((value) => value < POSITION_MAX, 'must be a position that a write answered with');
const limit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, `must be between 1 and ${LIMIT_MAX}`)
  .transform(Number)
  .refine((value) => value <= LIMIT_MAX, `must be between 1 and ${LIMIT_MAX}`);

const entriesQuery = z.strictObject({
  account_id: accountId.optional(),
  period: month.optional(),
  from_position: position.optional(),
  order: z.enum(['oldest', 'newest']).default('oldest'),
  limit: limit.default(100),
  min_position: position.default(0n),
});
const balanceQuery = z.strictObject({ period: month, account_id: accountId.optional(), min_position: position.default(0n) });

/** The journal for administrators; amounts are decimal texts of credits, debits positive. */
@Controller('api/v3/admin')
@UseGuards(AdministrationGuard)
export class JournalController {
  constructor(private readonly queries: QueryBus) {}

  @Get('journal')
  async entries(@Query() query: unknown): Promise<object> {
    const asked = parse(entriesQuery, query);
    const { entries, next } = await this.queries.execute(
      new GetJournalEntries({
        accountId: asked.account_id,
        period: asked.period,
        fromPosition: asked.from_position,
        order: asked.order,
        limit: asked.limit,
        position: asked.min_position,
      }),
    );
    return { data: entries.map(entryOf), next_position: next?.toString() ?? null };
  }

  @Get('trial-balance')
  async trialBalance(@Query() query: unknown): Promise<object> {
    const { period, account_id: account, min_position: minPosition } = parse(balanceQuery, query);
    const figures = await this.queries.execute(new GetTrialBalance(period, account, minPosition));
    const total = { debits: 0n, credits: 0n };
    const data = CHART.map(({ ledgerAccount, type, normalSide }) => {
      const { opening, debits, credits } = figures.get(ledgerAccount) ?? { opening: 0n, debits: 0n, credits: 0n };
      total.debits += debits;
      total.credits += credits;
      return {
        ledger_account: ledgerAccount,
        type,
        normal_side: normalSide,
        opening: signed(opening),
        debits: signed(debits),
        credits: signed(credits),
        closing: signed(opening + debits - credits),
      };
    });
    const totals = { debits: signed(total.debits), credits: signed(total.credits) };
    return { period, ...(account !== undefined && { account_id: account }), data, ...totals };
  }
}

const entryOf = (entry: JournalEntry): object => ({
  position: entry.position.toString(),
  account_id: entry.accountId,
  revision: entry.revision.toString(),
  occurred_at: instantToText(entry.occurredAt),
  type: entry.type,
  period: entry.period,
  original_period: entry.originalPeriod,
  reference: entry.reference === '' ? null : entry.reference,
  lines: linesFrom(entry.lines).map(([ledgerAccount, amount]) => ({
    ledger_account: ledgerAccount,
    debit: amount > 0n ? signed(amount) : null,
    credit: amount < 0n ? signed(-amount) : null,
  })),
});
