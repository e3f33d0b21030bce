import { accept, type Decider, type Decision, reject } from '../../kernel/decider.js';
import type { Difference, NotRated, RepricingCarriedOut, RepricingEvent, RepricingProposed } from './repricing.events.js';

/** A repricing as its stream tells it. */
export interface Repricing {
  readonly status: 'unknown' | 'proposed' | 'approved' | 'rejected' | 'carried_out';
  readonly proposal: RepricingProposed['data'] | undefined;
  readonly calls: readonly Difference[];
  readonly notRated: readonly NotRated[];
  readonly approvedBy: string | undefined;
  /** As approved. */
  readonly onlyRefunds: boolean;
  readonly rejectedBy: string | undefined;
  readonly rejectionReason: string | undefined;
  readonly outcome: RepricingCarriedOut['data'] | undefined;
}

/** What was asked for and what the dry run came to. */
export interface ProposeRepricing {
  readonly type: 'ProposeRepricing';
  readonly proposal: Omit<RepricingProposed['data'], 'parts'>;
  readonly parts: readonly { readonly calls: readonly Difference[]; readonly notRated: readonly NotRated[] }[];
}

export interface ApproveRepricing {
  readonly type: 'ApproveRepricing';
  readonly approvedBy: string;
  readonly onlyRefunds: boolean;
  /** Of a dry run of now. */
  readonly differencesHash: string;
  /** Nano-credits that the account could pay with now. */
  readonly free: bigint;
}

export interface RejectRepricing {
  readonly type: 'RejectRepricing';
  readonly rejectedBy: string;
  readonly reason: string | undefined;
}

export interface RecordRepricing {
  readonly type: 'RecordRepricing';
  readonly outcome: RepricingCarriedOut['data'];
}

export type RepricingCommand = ProposeRepricing | ApproveRepricing | RejectRepricing | RecordRepricing;

export type RepricingRejection =
  | { readonly reason: 'repricing_not_found' }
  | { readonly reason: 'repricing_conflict' }
  | { readonly reason: 'approver_is_requester' }
  | { readonly reason: 'repricing_ended'; readonly as: 'approved' | 'rejected' | 'carried_out' }
  | { readonly reason: 'repricing_stale' }
  | { readonly reason: 'free_credits_insufficient'; readonly needed: bigint; readonly missing: bigint };

export const repricingDecider: Decider<RepricingCommand, Repricing, RepricingEvent, RepricingRejection> = {
  initialState: () => ({
    status: 'unknown',
    proposal: undefined,
    calls: [],
    notRated: [],
    approvedBy: undefined,
    onlyRefunds: false,
    rejectedBy: undefined,
    rejectionReason: undefined,
    outcome: undefined,
  }),
  decide(command, repricing) {
    switch (command.type) {
      case 'ProposeRepricing':
        return propose(command, repricing);
      case 'ApproveRepricing':
        return approve(command, repricing);
      case 'RejectRepricing':
        return refuse(command, repricing);
      case 'RecordRepricing':
        return repricing.status === 'approved'
          ? accept({ type: 'RepricingCarriedOut' as const, data: command.outcome })
          : accept();
    }
  },
  evolve,
};

/** What an account would pay with free credits, in nano-credits. */
export const chargesOf = ({ proposal, onlyRefunds }: Repricing): bigint =>
  onlyRefunds ? 0n : BigInt(proposal?.totals.charges ?? 0);

/** Whether the same was asked for: what the dry run came to is not part of the question. */
export function isSameProposal(
  a: Pick<RepricingProposed['data'], AskedFor>,
  b: Pick<RepricingProposed['data'], AskedFor>,
): boolean {
  const told = ({ accountId, selection, priceVersion, reason, requestedBy, onlyRefunds }: typeof a) => {
    const { generations, generationsHash, from, until, model } = selection;
    const asked = [generations, generationsHash, from, until, model].map((each) => each ?? null);
    return JSON.stringify([accountId, asked, priceVersion, reason, requestedBy, onlyRefunds]);
  };
  return told(a) === told(b);
}
export type AskedFor = 'accountId' | 'selection' | 'priceVersion' | 'reason' | 'requestedBy' | 'onlyRefunds';

type Decided = Decision<RepricingEvent, RepricingRejection>;

function propose({ proposal, parts }: ProposeRepricing, repricing: Repricing): Decided {
  if (repricing.proposal)
    return isSameProposal(repricing.proposal, proposal) ? accept() : reject({ reason: 'repricing_conflict' });
  return accept<RepricingEvent>(
    { type: 'RepricingProposed', data: { ...proposal, parts: parts.length } },
    ...parts.map((each, part): RepricingEvent => ({ type: 'RepricingDifferences', data: { part, ...each } })),
  );
}

function approve(command: ApproveRepricing, repricing: Repricing): Decided {
  const { proposal, status } = repricing;
  if (!proposal) return reject({ reason: 'repricing_not_found' });
  const { approvedBy, differencesHash } = command;
  const onlyRefunds = proposal.onlyRefunds || command.onlyRefunds;
  if (status === 'approved' || status === 'carried_out') {
    const same = repricing.approvedBy === approvedBy && repricing.onlyRefunds === onlyRefunds;
    return same ? accept() : reject({ reason: 'repricing_ended', as: status });
  }
  if (status === 'rejected') return reject({ reason: 'repricing_ended', as: status });
  if (approvedBy === proposal.requestedBy) return reject({ reason: 'approver_is_requester' });
  if (differencesHash !== proposal.differencesHash) return reject({ reason: 'repricing_stale' });
  const needed = onlyRefunds ? 0n : BigInt(proposal.totals.charges);
  if (needed > command.free) return reject({ reason: 'free_credits_insufficient', needed, missing: needed - command.free });
  return accept({ type: 'RepricingApproved', data: { approvedBy, onlyRefunds, differencesHash } });
}

function refuse({ rejectedBy, reason }: RejectRepricing, { proposal, status, ...known }: Repricing): Decided {
  if (!proposal) return reject({ reason: 'repricing_not_found' });
  if (status === 'approved' || status === 'carried_out') return reject({ reason: 'repricing_ended', as: status });
  if (status === 'rejected')
    return known.rejectedBy === rejectedBy && known.rejectionReason === reason
      ? accept()
      : reject({ reason: 'repricing_ended', as: status });
  return accept({ type: 'RepricingRejected', data: { rejectedBy, ...(reason === undefined ? {} : { reason }) } });
}

function evolve(repricing: Repricing, event: RepricingEvent): Repricing {
  switch (event.type) {
    case 'RepricingProposed':
      return { ...repricing, status: 'proposed', proposal: event.data, onlyRefunds: event.data.onlyRefunds };
    case 'RepricingDifferences':
      return {
        ...repricing,
        calls: [...repricing.calls, ...event.data.calls],
        notRated: [...repricing.notRated, ...event.data.notRated],
      };
    case 'RepricingApproved':
      return { ...repricing, status: 'approved', approvedBy: event.data.approvedBy, onlyRefunds: event.data.onlyRefunds };
    case 'RepricingRejected':
      return {
        ...repricing,
        status: 'rejected',
        rejectedBy: event.data.rejectedBy,
        rejectionReason: event.data.reason,
      };
    case 'RepricingCarriedOut':
      return { ...repricing, status: 'carried_out', outcome: event.data };
    default:
      throw new Error(`unknown event of a repricing: ${(event satisfies never as RepricingEvent).type}`);
  }
}
