export { AuditModule } from './audit.module.js';
export { CHECKPOINTS_STREAM, LEDGER_PREFIXES, leafOf } from './checkpoint.events.js';
export { SignCheckpointJob } from './checkpoint.job.js';
export { type Checkpoint, checkpointHash, keyIdOf, verifyCheckpoint } from './checkpoint.js';
export { CheckpointFileDamaged, readCheckpointFile } from './checkpoint-file.js';
export { type CheckpointKeyLocation, findCheckpointPublicKey, parsePublicKey } from './checkpoint-key.js';
export { readStoredCheckpoints, type StoredCheckpoint } from './checkpoint-stream.js';
export {
  type CheckpointProblem,
  type CheckpointProblemKind,
  type CheckpointReport,
  CheckpointVerification,
  type KnownCheckpoints,
  type LedgerLeaf,
  verifyCheckpoints,
} from './checkpoint-verification.js';
