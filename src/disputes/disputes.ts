import { Injectable } from '@nestjs/common';
import { AccountWriter, isOpen } from '../accounts/index.js';
import { DecidedStreams } from '../event-store/decided-streams.js';
import type { Cause } from '../event-store/envelope.js';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { isAccountId } from '../kernel/ids.js';
import { carryOut } from './carry-out.js';
import { checkDecision, checkSubject } from './check-subject.js';
import { problemOf } from './disputes.problems.js';
import { type DisputeCommand, disputeDecider } from './domain/dispute.decider.js';
import { type Dispute, needsCarryingOut, needsFreezing } from './domain/dispute.js';
import {
  type DisputeDecided,
  type DisputeOpened,
  type DisputeReopened,
  disputeStream,
  type EvidenceAdded,
  type EvidenceSealed,
} from './domain/disputes.events.js';
import { isSameDispute } from './domain/open-dispute.js';
import { freezePayment } from './freeze-payment.js';

export interface KnownDispute {
  readonly dispute: Dispute;
  /** Of its last event. */
  readonly position: bigint;
}

/**
 * Opens, answers, decides and reopens disputes. What is decided is appended first, then done at the account, then recorded: what a
 * process that dies leaves undone, `finish` does. All of it throws ApiError where the answer is no, and what the ledger throws.
 */
@Injectable()
export class Disputes {
  private readonly streams: DecidedStreams;

  constructor(
    readonly store: EventStore,
    readonly accounts: AccountWriter,
    private readonly clock: GatewayClock,
  ) {
    this.streams = new DecidedStreams(store, clock);
  }

  async show(disputeId: string): Promise<KnownDispute> {
    const { state, position } = await this.streams.read(disputeDecider, disputeStream(disputeId));
    if (!state.opened) throw problemOf({ reason: 'dispute_not_found' });
    return { dispute: state, position };
  }

  async open(dispute: DisputeOpened['data'], cause: Cause): Promise<KnownDispute> {
    const { disputeId, accountId } = dispute;
    const { state } = await this.streams.read(disputeDecider, disputeStream(disputeId));
    if (!state.opened) {
      const account = isAccountId(accountId) ? (await this.accounts.refresh(accountId)).account : undefined;
      if (!account || !isOpen(account)) throw problemOf({ reason: 'account_not_found' });
      const no = await checkSubject(this.store, account, dispute);
      if (no) throw problemOf(no);
    } else if (!isSameDispute(state.opened, dispute)) throw problemOf({ reason: 'dispute_exists' });
    await this.decide(disputeId, { type: 'OpenDispute', dispute }, named(cause, 'open'));
    return this.finish(disputeId, cause);
  }

  addEvidence(disputeId: string, evidence: EvidenceAdded['data'], cause: Cause): Promise<KnownDispute> {
    return this.decide(disputeId, { type: 'AddEvidence', evidence }, named(cause, `evidence:${evidence.evidenceId}`));
  }

  submit(disputeId: string, submissionId: string, submittedBy: string, cause: Cause): Promise<KnownDispute> {
    const command = { type: 'SubmitEvidence', submissionId, submittedBy } as const;
    return this.decide(disputeId, command, named(cause, `submit:${submissionId}`));
  }

  /** Freezes at once what an opening could not; what is frozen already stays so. */
  async freeze(disputeId: string, cause: Cause): Promise<KnownDispute> {
    const { dispute } = await this.show(disputeId);
    if (dispute.opened?.kind !== 'payment' || dispute.decision) throw problemOf({ reason: 'nothing_to_freeze' });
    return this.finish(disputeId, cause);
  }

  /** Decides, and carries out at once. */
  async decideOn(disputeId: string, asked: DisputeDecided['data'], cause: Cause): Promise<KnownDispute> {
    // Credits that a dead process left free are frozen before they are clawed back.
    const { dispute } = await this.finish(disputeId, cause);
    const decision = withAllGenerations(asked, dispute);
    const decided = disputeDecider.decide({ type: 'DecideDispute', decision }, dispute, this.clock.now());
    if ('rejection' in decided) throw problemOf(decided.rejection);
    if (decided.events.length > 0) {
      const { account } = await this.accounts.refresh(dispute.opened?.accountId ?? '');
      const no = await checkDecision(this.store, account, dispute, decision);
      if (no) throw problemOf(no);
      await this.decide(disputeId, { type: 'DecideDispute', decision }, named(cause, `decide:${decision.decisionId}`));
    }
    return this.finish(disputeId, cause);
  }

  async reopen(disputeId: string, reopening: DisputeReopened['data'], cause: Cause): Promise<KnownDispute> {
    await this.decide(disputeId, { type: 'ReopenDispute', reopening }, named(cause, `reopen:${reopening.reopeningId}`));
    return this.finish(disputeId, cause);
  }

  /** Lets the time to answer be over, where it is. */
  async passDeadline(disputeId: string, cause: Cause): Promise<KnownDispute> {
    await this.decide(disputeId, { type: 'PassDeadline' }, named(cause, 'deadline'));
    return this.finish(disputeId, cause);
  }

  /** Does what was opened or decided and is not done. However often, each effect is made once. */
  async finish(disputeId: string, cause: Cause): Promise<KnownDispute> {
    let known = await this.show(disputeId);
    if (needsFreezing(known.dispute)) {
      const by = named(cause, `freeze:${known.dispute.round}`);
      const frozen = await freezePayment(this, known.dispute, by);
      known = await this.decide(disputeId, { type: 'RecordFreeze', frozen }, by);
    }
    if (needsCarryingOut(known.dispute)) {
      const by = named(cause, `carry-out:${known.dispute.decision?.decisionId}`);
      const carriedOut = await carryOut(this, known.dispute, by);
      known = await this.decide(disputeId, { type: 'RecordCarriedOut', carriedOut }, by);
    }
    return known;
  }

  seal(disputeId: string, parts: readonly EvidenceSealed['data'][], cause: Cause): Promise<KnownDispute> {
    return this.decide(disputeId, { type: 'SealEvidence', parts }, named(cause, `seal:${parts[0]?.generationId}`));
  }

  private async decide(disputeId: string, command: DisputeCommand, cause: Cause): Promise<KnownDispute> {
    const stream = disputeStream(disputeId);
    const { rejection, state, position } = await this.streams.execute(disputeDecider, stream, command, cause);
    if (rejection) throw problemOf(rejection);
    return { dispute: state, position };
  }
}

/** A refund that names no generation is of all of them. */
const withAllGenerations = (decision: DisputeDecided['data'], { opened }: Dispute): DisputeDecided['data'] =>
  decision.decision === 'refund' && !decision.refunds
    ? { ...decision, refunds: (opened?.generationIds ?? []).map((generationId) => ({ generationId })) }
    : decision;

const named = (cause: Cause, name: string): Cause => ({ ...cause, commandId: `${cause.commandId}:${name}` });
