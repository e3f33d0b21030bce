import { Injectable } from '@nestjs/common';
import { AccountWriter } from '../accounts/index.js';
import { DecidedStreams } from '../event-store/decided-streams.js';
import type { Cause } from '../event-store/envelope.js';
import { EventStore } from '../event-store/event-store.js';
import { GatewayClock } from '../http/clock.js';
import { PriceBook } from '../pricing/index.js';
import { carryOut } from './carry-out.js';
import type { CallSelection } from './charged-calls.js';
import { type RepricingProposed, repricingStream, turnStream } from './domain/repricing.events.js';
import {
  type AskedFor,
  isSameProposal,
  type ProposeRepricing,
  type Repricing,
  type RepricingCommand,
  repricingDecider,
} from './domain/repricing.js';
import { turnDecider } from './domain/repricing-turn.js';
import type { DryRun } from './dry-run.js';
import { DryRuns } from './dry-runs.js';
import { freeCredits } from './free-credits.js';
import { ratingOf } from './rate-call.js';
import { priceVersionNotFound, problemOf } from './repricing.problems.js';
import { selectionFact, selectionOf } from './selection.js';

/** Some 150 bytes each: no event comes near 300 KB, and all of them fit into one append. */
const CALLS_PER_PART = 1_500;

export interface AskedRepricing extends Omit<Pick<RepricingProposed['data'], AskedFor>, 'selection'> {
  readonly repricingId: string;
  readonly selection: CallSelection;
}

export interface KnownRepricing {
  readonly repricing: Repricing;
  /** Of its last event. */
  readonly position: bigint;
}

/** Proposes, approves, rejects and carries out. All of it throws ApiError where the answer is no. */
@Injectable()
export class Repricings {
  private readonly streams: DecidedStreams;
  private readonly dryRuns: DryRuns;

  constructor(
    private readonly store: EventStore,
    private readonly accounts: AccountWriter,
    private readonly prices: PriceBook,
    private readonly clock: GatewayClock,
  ) {
    this.streams = new DecidedStreams(store, clock);
    this.dryRuns = new DryRuns(store, accounts, prices);
  }

  async show(repricingId: string): Promise<KnownRepricing> {
    const { state, position } = await this.streams.read(repricingDecider, repricingStream(repricingId));
    if (!state.proposal) throw problemOf({ reason: 'repricing_not_found' });
    return { repricing: state, position };
  }

  async propose({ repricingId, selection, ...asked }: AskedRepricing, cause: Cause): Promise<KnownRepricing> {
    const told = { ...asked, selection: selectionFact(selection) };
    const { state, position } = await this.streams.read(repricingDecider, repricingStream(repricingId));
    if (state.proposal) {
      if (!isSameProposal(state.proposal, told)) throw problemOf({ reason: 'repricing_conflict' });
      return { repricing: state, position };
    }
    const rating = ratingOf(this.prices, asked.priceVersion);
    if (!rating) throw priceVersionNotFound();
    const { run, position: seen } = await this.dryRuns.run(asked.accountId, selection, asked.priceVersion);
    const { totals, byModel, differencesHash } = run;
    const proposal: ProposeRepricing['proposal'] = {
      ...told,
      repricingId,
      formulaVersion: rating.formulaVersion,
      totals,
      byModel,
      notRated: run.notRated.length,
      differencesHash,
      position: seen.toString(),
    };
    return this.decide(repricingId, { type: 'ProposeRepricing', proposal, parts: partsOf(run) }, named(cause, 'propose'));
  }

  /** Approves, and carries out at once. What this process leaves undone is finished by the job. */
  async approve(repricingId: string, approvedBy: string, onlyRefunds: boolean, cause: Cause): Promise<KnownRepricing> {
    const { repricing } = await this.show(repricingId);
    const command = { type: 'ApproveRepricing', approvedBy, onlyRefunds } as const;
    // Who is refused takes nobody's turn. Who has it is asked what is true now: only then can no other repricing come between.
    const decision = repricingDecider.decide({ ...command, ...(await this.evidence(repricing)) }, repricing, this.clock.now());
    if ('rejection' in decision) throw problemOf(decision.rejection);
    if (decision.events.length > 0) {
      await this.takeTurn(repricingId, repricing.proposal?.accountId ?? '', cause);
      await this.decide(repricingId, { ...command, ...(await this.evidence(repricing)) }, named(cause, 'approve'));
    }
    return this.finish(repricingId, cause);
  }

  reject(repricingId: string, rejectedBy: string, reason: string | undefined, cause: Cause): Promise<KnownRepricing> {
    return this.decide(repricingId, { type: 'RejectRepricing', rejectedBy, reason }, named(cause, 'reject'));
  }

  /** Does what was approved and is not done. Where the account cannot pay now, it stays approved. */
  async finish(repricingId: string, cause: Cause): Promise<KnownRepricing> {
    const known = await this.show(repricingId);
    if (known.repricing.status !== 'approved') return known;
    const outcome = await carryOut({ store: this.store, accounts: this.accounts, clock: this.clock }, known.repricing, cause);
    if (!outcome) return known;
    return this.decide(repricingId, { type: 'RecordRepricing', outcome }, named(cause, 'carried-out'));
  }

  private async decide(repricingId: string, command: RepricingCommand, cause: Cause): Promise<KnownRepricing> {
    const { rejection, state, position } = await this.streams.execute(
      repricingDecider,
      repricingStream(repricingId),
      command,
      cause,
    );
    if (rejection) throw problemOf(rejection);
    return { repricing: state, position };
  }

  /** What an approval rests on, as it is now. One that has been decided before needs none. */
  private async evidence({ status, proposal, calls, notRated }: Repricing) {
    if (!proposal || status !== 'proposed') return { differencesHash: '', free: 0n };
    const selection = selectionOf(proposal.selection, calls, notRated);
    const differencesHash = await this.dryRuns.hashNow(proposal.accountId, selection, proposal.priceVersion);
    const { account } = await this.accounts.refresh(proposal.accountId);
    return { differencesHash, free: freeCredits(account, this.clock.now()) };
  }

  private async takeTurn(repricingId: string, accountId: string, cause: Cause): Promise<void> {
    const stream = turnStream(accountId);
    const { state } = await this.streams.read(turnDecider, stream);
    const ended = state.holder !== undefined && (await this.hasEnded(state.holder)) ? state.holder : undefined;
    const { rejection } = await this.streams.execute(
      turnDecider,
      stream,
      { type: 'TakeTurn', repricingId, ended },
      named(cause, `turn:${repricingId}`),
    );
    if (rejection) throw problemOf(rejection);
  }

  private async hasEnded(repricingId: string): Promise<boolean> {
    const { repricing } = await this.show(repricingId);
    return repricing.status === 'rejected' || repricing.status === 'carried_out';
  }
}

const named = (cause: Cause, name: string): Cause => ({ ...cause, commandId: `${cause.commandId}:${name}` });

function partsOf({ calls, notRated }: DryRun): ProposeRepricing['parts'] {
  const parts = Math.max(1, Math.ceil(Math.max(calls.length, notRated.length) / CALLS_PER_PART));
  return Array.from({ length: parts }, (_, part) => {
    const [from, to] = [part * CALLS_PER_PART, (part + 1) * CALLS_PER_PART];
    return { calls: calls.slice(from, to), notRated: notRated.slice(from, to) };
  });
}
