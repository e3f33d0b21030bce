import { GRANT_KINDS, type GrantKind } from '../../src/accounts/domain/accounts.events.js';

/** The class of a lot: credits that were bought, and credits that were given, are different liabilities. */
export type LotClass = GrantKind;
export const LOT_CLASSES = GRANT_KINDS;

type ByClass = 'available' | 'held' | 'frozen' | 'usage' | 'breakage' | 'refunds' | 'cash_refunds' | 'claw_backs' | 'adjustments';
type Single =
  | 'payments'
  | 'promotional_expense'
  | 'goodwill_expense'
  | 'receivable'
  | 'usage:shortfall'
  | 'refunds:waived'
  | 'claw_backs:owed';

/** An account of the general ledger, as its lines and sums name it. */
export type LedgerAccount = Single | `${ByClass}:${LotClass}`;

export interface ChartEntry {
  readonly ledgerAccount: LedgerAccount;
  readonly type: 'asset' | 'liability' | 'revenue' | 'expense';
  readonly normalSide: 'debit' | 'credit';
}

/** The names, by class, made once: a fold of millions of events puts no texts together. */
const byClass = (name: ByClass): Readonly<Record<LotClass, LedgerAccount>> => ({
  top_up: `${name}:top_up`,
  promo: `${name}:promo`,
  goodwill: `${name}:goodwill`,
});

export const AVAILABLE = byClass('available');
export const HELD = byClass('held');
export const FROZEN = byClass('frozen');
export const USAGE = byClass('usage');
export const BREAKAGE = byClass('breakage');
export const REFUNDS = byClass('refunds');
export const CASH_REFUNDS = byClass('cash_refunds');
export const CLAW_BACKS = byClass('claw_backs');
export const ADJUSTMENTS = byClass('adjustments');
/** Where the credits of a grant come from. */
export const GRANTED: Readonly<Record<LotClass, LedgerAccount>> = {
  top_up: 'payments',
  promo: 'promotional_expense',
  goodwill: 'goodwill_expense',
};

type Names = Readonly<Record<LotClass, LedgerAccount>>;

const entry = (type: ChartEntry['type'], normalSide: ChartEntry['normalSide'], ledgerAccount: LedgerAccount): ChartEntry => ({
  ledgerAccount,
  type,
  normalSide,
});
const entries = (type: ChartEntry['type'], normalSide: ChartEntry['normalSide'], names: Names): ChartEntry[] =>
  LOT_CLASSES.map((lotClass) => entry(type, normalSide, names[lotClass]));

/**
 * Every account of the general ledger, in the order of reports. What is paid back or lost to a dispute reduces what was paid in, and
 * a refund reduces revenue, each in an account of its own on the other side.
 */
export const CHART: readonly ChartEntry[] = [
  entry('asset', 'debit', 'payments'),
  ...entries('asset', 'credit', CASH_REFUNDS),
  ...entries('asset', 'credit', CLAW_BACKS),
  entry('asset', 'credit', 'claw_backs:owed'),
  entry('asset', 'debit', 'receivable'),
  ...entries('liability', 'credit', AVAILABLE),
  ...entries('liability', 'credit', HELD),
  ...entries('liability', 'credit', FROZEN),
  ...entries('revenue', 'credit', USAGE),
  entry('revenue', 'credit', 'usage:shortfall'),
  ...entries('revenue', 'debit', REFUNDS),
  entry('revenue', 'debit', 'refunds:waived'),
  ...entries('revenue', 'credit', BREAKAGE),
  entry('expense', 'debit', 'promotional_expense'),
  entry('expense', 'debit', 'goodwill_expense'),
  ...entries('expense', 'debit', ADJUSTMENTS),
];

/** What the customer's own credits are made of. */
export const OWNED: ReadonlySet<LedgerAccount> = new Set([AVAILABLE, HELD, FROZEN].flatMap((names) => Object.values(names)));
