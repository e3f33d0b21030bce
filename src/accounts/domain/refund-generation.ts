import { least, type NanoCredits, nano, nanoFromText, nanoToText, plus, ZERO } from '../../kernel/credits.js';
import { accept, type Decision, reject } from '../../kernel/decider.js';
import type { GenerationId } from '../../kernel/ids.js';
import type { Instant } from '../../kernel/time.js';
import type { Account } from './account.js';
import type { CreditsExpired, CreditsGranted, GenerationRefunded, LotAmount, LotsFrozen } from './accounts.events.js';
import { givenCredits } from './grant-credits.js';
import { consequencesOfReturns, hasExpired } from './returned-credits.js';

export interface RefundGeneration {
  readonly type: 'RefundGeneration';
  readonly refundId: string;
  readonly generationId: GenerationId;
  /** Undefined: all that can still be refunded. */
  readonly amount: NanoCredits | undefined;
  readonly reason: string;
  readonly intoExpired: GenerationRefunded['data']['intoExpired'];
  /** Evidence from the stream: who paid for the generation, in the order of debit, and what nobody could pay then. */
  readonly paid: { readonly debits: readonly LotAmount[]; readonly shortfall: NanoCredits };
}

export type RefundGenerationRejection =
  | { readonly reason: 'refund_conflict'; readonly refundId: string }
  | { readonly reason: 'refund_exceeds_cost'; readonly refundable: NanoCredits };

/**
 * Gives the cost of a generation back, or a part of it: first what of its shortfall still stands is forgiven, then the lots that
 * paid get it back in reverse order of debit, none more than it paid. What goes to an expired lot expires at once, or becomes a
 * new lot where the refund says so. The same refund twice is one.
 */
export function refundGeneration(
  command: RefundGeneration,
  account: Account,
  at: Instant,
): Decision<GenerationRefunded | CreditsExpired | LotsFrozen | CreditsGranted, RefundGenerationRejection> {
  const { refundId, generationId, reason, intoExpired } = command;
  const earlier = account.refunds.get(refundId);
  if (earlier) return isSameRefund(command, earlier) ? accept() : reject({ reason: 'refund_conflict', refundId });
  // Under this name it grants anew what would go to expired lots.
  const regrantId = `refund:${refundId}`;
  if (account.grants.has(regrantId)) return reject({ reason: 'refund_conflict', refundId });

  const before = refundedBefore(account, generationId);
  const waivable = least(nano(command.paid.shortfall - before.waived), account.receivable);
  const payable = nano(command.paid.debits.reduce((sum, { amount }) => sum + BigInt(amount), 0n) - before.returned);
  const refundable = plus(waivable, payable);
  const amount = command.amount ?? refundable;
  if (amount === 0n || amount > refundable) return reject({ reason: 'refund_exceeds_cost', refundable });

  const waived = least(waivable, amount);
  const returned = backwards(command.paid.debits, before.returned, nano(amount - waived));
  const isRegranted = ({ lotId }: LotAmount) => intoExpired === 'goodwill' && hasExpired(account, lotId, at);
  const credits = returned.filter((part) => !isRegranted(part));
  const regranted = sum(returned.filter(isRegranted));
  return accept<GenerationRefunded | CreditsExpired | LotsFrozen | CreditsGranted>(
    {
      type: 'GenerationRefunded',
      data: {
        refundId,
        generationId,
        amount: nanoToText(amount),
        credits,
        waived: nanoToText(waived),
        regranted: nanoToText(regranted),
        reason,
        intoExpired,
      },
    },
    ...consequencesOfReturns(account, credits, at),
    ...(regranted === 0n ? [] : [givenCredits(account, regrantId, 'goodwill', regranted, at)]),
  );
}

function isSameRefund(command: RefundGeneration, earlier: GenerationRefunded['data']): boolean {
  return (
    earlier.generationId === command.generationId &&
    (command.amount === undefined || earlier.amount === nanoToText(command.amount)) &&
    earlier.intoExpired === command.intoExpired
  );
}

/** What earlier refunds of the generation have forgiven, and what they have given back. */
function refundedBefore(account: Account, generationId: GenerationId) {
  let [waived, returned] = [ZERO, ZERO];
  for (const refund of account.refunds.values()) {
    if (refund.generationId !== generationId) continue;
    waived = plus(waived, nanoFromText(refund.waived));
    returned = plus(returned, plus(sum(refund.credits), nanoFromText(refund.regranted)));
  }
  return { waived, returned };
}

/** The parts of debits, last one first, that make up an amount, after what was given back before. */
function backwards(debits: readonly LotAmount[], skipped: NanoCredits, amount: NanoCredits): LotAmount[] {
  const parts: LotAmount[] = [];
  let [toSkip, left]: [bigint, bigint] = [skipped, amount];
  for (const debit of [...debits].reverse()) {
    const skip = least(nano(toSkip), nanoFromText(debit.amount));
    const part = least(nano(BigInt(debit.amount) - skip), nano(left));
    toSkip -= skip;
    left -= part;
    if (part > 0n) parts.push({ lotId: debit.lotId, amount: nanoToText(part) });
  }
  return parts;
}

const sum = (parts: readonly LotAmount[]): NanoCredits =>
  parts.reduce((total, { amount }) => plus(total, nanoFromText(amount)), ZERO);
