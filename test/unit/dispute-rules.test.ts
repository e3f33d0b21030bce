/** The rules of a dispute, without anything around them. */
import { describe, expect, test } from '@jest/globals';
import { disputes } from '../../projections/disputes/disputes.projection.js';
import { type DisputeCommand, disputeDecider } from '../../src/disputes/domain/dispute.decider.js';
import type { Dispute } from '../../src/disputes/domain/dispute.js';
import type { DisputeDecided, DisputeKind } from '../../src/disputes/domain/disputes.events.js';
import { instantToText } from '../../src/kernel/time.js';

const START = Date.UTC(2026, 5, 1);
const RESPOND_BY = START + 1_000;

const open = (kind: DisputeKind, respondBy = RESPOND_BY): DisputeCommand => ({
  type: 'OpenDispute',
  dispute: {
    disputeId: 'd',
    accountId: 'account1',
    kind,
    ...(kind === 'payment' ? { paymentId: 'p' } : { generationIds: ['g1', 'g2'] }),
    reasonCode: 'fraud',
    respondBy: instantToText(respondBy),
    openedBy: 'ann',
  },
});
const evidence = (evidenceId: string, sha256 = 'a'): DisputeCommand => ({
  type: 'AddEvidence',
  evidence: { evidenceId, kind: 'note', sha256, note: 'n', addedBy: 'ann' },
});
const submit = (submissionId = 's'): DisputeCommand => ({ type: 'SubmitEvidence', submissionId, submittedBy: 'ann' });
const decide = (decision: DisputeDecided['data']['decision'], more: Partial<DisputeDecided['data']> = {}): DisputeCommand => ({
  type: 'DecideDispute',
  decision: { decisionId: 'x', decision, decidedBy: 'bob', reason: 'r', ...more },
});
const carriedOut = (decisionId = 'x'): DisputeCommand => ({ type: 'RecordCarriedOut', carriedOut: { decisionId, effects: [] } });
const reopen = (reopeningId: string, respondBy = RESPOND_BY): DisputeCommand => ({
  type: 'ReopenDispute',
  reopening: { reopeningId, reason: 'r', by: 'ann', respondBy: instantToText(respondBy) },
});
const passed: DisputeCommand = { type: 'PassDeadline' };

/** What the last of some commands comes to: the types of its events, or why not. */
function outcome(commands: readonly DisputeCommand[], at = START): readonly string[] | string {
  let dispute: Dispute = disputeDecider.initialState();
  let last: readonly string[] | string = [];
  for (const [index, command] of commands.entries()) {
    const decision = disputeDecider.decide(command, dispute, index === commands.length - 1 ? at : START);
    last = 'rejection' in decision ? decision.rejection.reason : decision.events.map(({ type }) => type);
    if ('events' in decision)
      dispute = decision.events.reduce((before, event) => disputeDecider.evolve(before, event, at), dispute);
  }
  return last;
}

const won = [open('payment'), submit(), decide('reject'), carriedOut()];
const reopenedWon = (time: number) => [
  reopen(`r${time}`),
  submit(`s${time}`),
  decide('reject', { decisionId: `x${time}` }),
  carriedOut(`x${time}`),
];

describe('a dispute', () => {
  test.each<[string, readonly DisputeCommand[], readonly string[] | string]>([
    ['is opened', [open('usage')], ['DisputeOpened']],
    ['opened twice is one', [open('usage'), open('usage')], []],
    ['under the id of another one is refused', [open('usage'), open('payment')], 'dispute_exists'],
    ['whose time is over is not opened', [open('usage', START)], 'respond_by_passed_already'],
    ['takes evidence', [open('payment'), evidence('e')], ['EvidenceAdded']],
    ['takes the same evidence once', [open('payment'), evidence('e'), evidence('e')], []],
    ['takes no other evidence under its id', [open('payment'), evidence('e'), evidence('e', 'b')], 'evidence_conflict'],
    ['takes none once it was submitted', [open('payment'), submit(), evidence('e')], 'dispute_not_answerable'],
    ['is submitted once', [open('payment'), submit(), submit()], []],
    ['is not submitted again', [open('payment'), submit(), submit('t')], 'dispute_not_answerable'],
    ['of a payment is not won without an answer', [open('payment'), decide('reject')], 'dispute_not_decidable'],
    ['of a payment can be given up at once', [open('payment'), decide('claw_back')], ['DisputeDecided']],
    ['of a payment refunds no generation', [open('payment'), submit(), decide('refund')], 'decision_not_of_kind'],
    ['of usage claws nothing back', [open('usage'), decide('claw_back')], 'decision_not_of_kind'],
    [
      'refunds only what is disputed',
      [open('usage'), decide('refund', { refunds: [{ generationId: 'g3' }] })],
      'generation_not_disputed',
    ],
    ['is decided once', [open('usage'), decide('reject'), decide('reject')], []],
    ['is not decided otherwise under the same id', [open('usage'), decide('reject'), decide('refund')], 'decision_conflict'],
    ['is not decided again', [open('usage'), decide('reject'), decide('refund', { decisionId: 'y' })], 'dispute_not_decidable'],
    ['is not reopened while it is open', [open('usage'), reopen('r')], 'dispute_not_decided'],
    ['is not reopened before the decision is done', won.slice(0, 3).concat(reopen('r')), 'decision_not_carried_out'],
    ['is reopened', [...won, reopen('r')], ['DisputeReopened']],
    ['is reopened once under one id', [...won, reopen('r'), reopen('r')], []],
    ['that was lost is not reopened', [open('payment'), decide('claw_back'), carriedOut(), reopen('r')], 'payment_lost'],
    ['is reopened twice', [...won, ...reopenedWon(1), reopen('r2')], ['DisputeReopened']],
    ['is not reopened a third time', [...won, ...reopenedWon(1), ...reopenedWon(2), reopen('r3')], 'reopened_too_often'],
    ['is not recorded as done for another decision', [open('usage'), decide('reject'), carriedOut('y')], []],
    ['that is not there takes nothing', [submit()], 'dispute_not_found'],
  ])('%s', (_, commands, expected) => {
    expect(outcome(commands)).toEqual(expected);
  });

  test.each<[string, readonly DisputeCommand[], number, readonly string[] | string]>([
    ['takes evidence until its time is over', [open('payment'), evidence('e')], RESPOND_BY - 1, ['EvidenceAdded']],
    ['takes none from then on', [open('payment'), evidence('e')], RESPOND_BY, 'respond_by_passed'],
    ['is not submitted from then on', [open('payment'), submit()], RESPOND_BY, 'respond_by_passed'],
    ['is not lost before', [open('payment'), passed], RESPOND_BY - 1, []],
    ['of a payment is lost then', [open('payment'), passed], RESPOND_BY, ['DisputeDecided']],
    ['of usage is escalated then', [open('usage'), passed], RESPOND_BY, ['DisputeEscalated']],
    ['that was answered is not lost', [open('payment'), submit(), passed], RESPOND_BY, []],
  ])('%s', (_, commands, at, expected) => {
    expect(outcome(commands, at)).toEqual(expected);
  });

  test('that no event tells of stops its projection', () => {
    const fact = { stream: 'dispute-d', type: 'Unknown', revision: 0n, position: 1n, data: {}, metadata: { occurredAt: '' } };
    const none = () => {
      throw new Error('there is no such row');
    };
    const rows = { disputes: { find: () => undefined, get: none, put: none, delete: none } };
    expect(() => disputes.fold(rows, fact)).toThrow('no event of a dispute: Unknown');
  });
});
