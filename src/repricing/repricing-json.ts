import { stringify } from 'csv-stringify/sync';
import { textCell } from '../http/csv-cell.js';
import type { Difference, Totals } from './domain/repricing.events.js';
import type { KnownRepricing } from './repricings.js';
import { signedCredits } from './what-if.js';

const credits = (nanoText: string): string => signedCredits(BigInt(nanoText));

/** A repricing as the administration sees it; the calls are asked for by themselves. */
export function repricingToJson({ repricing, position }: KnownRepricing): object {
  const { proposal, status, approvedBy, rejectedBy, rejectionReason, outcome } = repricing;
  if (!proposal) throw new Error('there is no such repricing');
  const { generations, from, until, model } = proposal.selection;
  return {
    repricing_id: proposal.repricingId,
    status,
    account_id: proposal.accountId,
    selection: { generations, from, until, model },
    price_version: proposal.priceVersion,
    formula_version: proposal.formulaVersion,
    reason: proposal.reason,
    requested_by: proposal.requestedBy,
    only_refunds: repricing.onlyRefunds,
    ...totalsToJson(proposal.totals),
    by_model: proposal.byModel.map(({ model: name, ...totals }) => ({ model: name, ...totalsToJson(totals) })),
    not_rated: proposal.notRated,
    differences_hash: proposal.differencesHash,
    computed_at_position: proposal.position,
    ...(approvedBy === undefined ? {} : { approved_by: approvedBy }),
    ...(rejectedBy === undefined ? {} : { rejected_by: rejectedBy, rejection_reason: rejectionReason }),
    ...(outcome && {
      effects: {
        refunds: outcome.effects.refunds,
        refunded: credits(outcome.effects.refunded),
        charged: credits(outcome.effects.charged),
        uncharged: credits(outcome.effects.uncharged),
        expired: credits(outcome.effects.expired),
        refunded_meanwhile: credits(outcome.effects.refundedMeanwhile),
      },
      account_position: outcome.positions.account,
    }),
    position: position.toString(),
  };
}

const totalsToJson = ({ calls, ...totals }: Totals) => ({
  calls,
  before: credits(totals.before),
  after: credits(totals.after),
  refunds: credits(totals.refunds),
  charges: credits(totals.charges),
  unreturned: credits(totals.unreturned),
});

/** The differences, call by call. */
export function differencesToJson({ repricing }: KnownRepricing): object {
  return {
    repricing_id: repricing.proposal?.repricingId,
    differences_hash: repricing.proposal?.differencesHash,
    calls: repricing.calls.map((call) => rowOf(call, repricing.proposal?.byModel)),
    not_rated: repricing.notRated.map(({ generationId, reason }) => ({ generation_id: generationId, reason })),
  };
}

const COLUMNS = ['generation_id', 'model', 'before', 'after', 'difference', 'effect', 'not_rated'];

/** The same as lines of RFC 4180; a call that is not rated has no amounts. */
export function differencesToCsv({ repricing }: KnownRepricing): string {
  const rows = [
    ...repricing.calls.map((call) => {
      const row = rowOf(call, repricing.proposal?.byModel);
      return { ...row, model: textCell(row.model), not_rated: '' };
    }),
    ...repricing.notRated.map(({ generationId, reason }) => ({ generation_id: generationId, not_rated: reason })),
  ];
  return stringify(rows, { header: true, columns: COLUMNS, record_delimiter: '\r\n' });
}

const rowOf = ({ generationId, model, before, after, effect }: Difference, models: readonly { model: string }[] = []) => ({
  generation_id: generationId,
  model: models[model]?.model ?? '',
  before: credits(before),
  after: credits(after),
  difference: signedCredits(BigInt(after) - BigInt(before)),
  effect: credits(effect),
});
