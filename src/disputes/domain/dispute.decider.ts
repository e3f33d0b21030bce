import type { Decider } from '../../kernel/decider.js';
import { type AddEvidence, type AddEvidenceRejection, addEvidence } from './add-evidence.js';
import { type DecideDispute, type DecideDisputeRejection, decideDispute } from './decide-dispute.js';
import { type Dispute, evolveDispute, initialDispute } from './dispute.js';
import type { DisputeEvent } from './disputes.events.js';
import { type OpenDispute, type OpenDisputeRejection, openDispute } from './open-dispute.js';
import { type PassDeadline, passDeadline } from './pass-deadline.js';
import {
  type RecordCarriedOut,
  type RecordFreeze,
  recordCarriedOut,
  recordFreeze,
  type SealEvidence,
  sealEvidence,
} from './record-consequences.js';
import { type ReopenDispute, type ReopenDisputeRejection, reopenDispute } from './reopen-dispute.js';
import { type SubmitEvidence, type SubmitEvidenceRejection, submitEvidence } from './submit-evidence.js';

export type DisputeCommand =
  | OpenDispute
  | AddEvidence
  | SubmitEvidence
  | DecideDispute
  | PassDeadline
  | ReopenDispute
  | RecordFreeze
  | RecordCarriedOut
  | SealEvidence;

export type DisputeRejection =
  | OpenDisputeRejection
  | AddEvidenceRejection
  | SubmitEvidenceRejection
  | DecideDisputeRejection
  | ReopenDisputeRejection;

/** All that can be asked of a dispute. */
export const disputeDecider: Decider<DisputeCommand, Dispute, DisputeEvent, DisputeRejection> = {
  initialState: initialDispute,
  evolve: evolveDispute,
  decide(command, dispute, at) {
    switch (command.type) {
      case 'OpenDispute':
        return openDispute(command, dispute, at);
      case 'AddEvidence':
        return addEvidence(command, dispute, at);
      case 'SubmitEvidence':
        return submitEvidence(command, dispute, at);
      case 'DecideDispute':
        return decideDispute(command, dispute);
      case 'PassDeadline':
        return passDeadline(command, dispute, at);
      case 'ReopenDispute':
        return reopenDispute(command, dispute, at);
      case 'RecordFreeze':
        return recordFreeze(command, dispute);
      case 'RecordCarriedOut':
        return recordCarriedOut(command, dispute);
      case 'SealEvidence':
        return sealEvidence(command, dispute);
    }
  },
};
