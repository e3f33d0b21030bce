import { type PriceVersions, recomputeCost } from './rules/account-audit-prices.js';
import type { AuditedFact } from './rules/account-audit-rules.js';

/** A charge as its event states it, and as the auditor's own formula computes it from the same evidence. */
export interface SettlementOpinion {
  readonly generationId: string;
  readonly result: 'match' | 'mismatch';
  readonly charged: { readonly exact: string; readonly rounded: string };
  /** Undefined where it cannot be computed; `problem` says why. */
  readonly recomputed: { readonly exact: string; readonly rounded: string } | undefined;
  readonly problem: string | undefined;
}

/** @returns undefined for an event that charges nothing for a generation */
export function recomputedSettlement({ type, data }: AuditedFact, versions: PriceVersions): SettlementOpinion | undefined {
  if (type !== 'ReservationSettled' && type !== 'LateSettlementRecorded') return undefined;
  const charged = { exact: String(data.cost?.exact), rounded: String(data.cost?.rounded) };
  const opinion = { generationId: String(data.generationId), charged };
  const cannot = (problem: string) => ({ ...opinion, result: 'mismatch' as const, recomputed: undefined, problem });
  const version = versions.get(data.priceVersion);
  if (!version) return cannot(`price version ${data.priceVersion} was never published`);
  if (version.formulaVersion !== data.formulaVersion)
    return cannot(`prices by ${version.formulaVersion} are taken by ${data.formulaVersion}`);
  try {
    const cost = recomputeCost(data.usage.classes, version, data.pricedAt);
    const recomputed = { exact: cost.exact.toString(), rounded: cost.rounded.toString() };
    const isSame = recomputed.exact === charged.exact && recomputed.rounded === charged.rounded;
    return { ...opinion, result: isSame ? 'match' : 'mismatch', recomputed, problem: undefined };
  } catch (error) {
    return cannot(`the cost cannot be computed: ${(error as Error).message}`);
  }
}
