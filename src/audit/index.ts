export { AuditModule } from './audit.module.js';
export { CHECKPOINTS_STREAM, LEDGER_PREFIXES, leafOf } from './checkpoints/checkpoint.events.js';
export { SignCheckpointJob } from './checkpoints/checkpoint.job.js';
export { type Checkpoint, checkpointHash, keyIdOf, verifyCheckpoint } from './checkpoints/checkpoint.js';
export { CheckpointFileDamaged, readCheckpointFile } from './checkpoints/checkpoint-file.js';
export { type CheckpointKeyLocation, findCheckpointPublicKey, parsePublicKey } from './checkpoints/checkpoint-key.js';
export { readStoredCheckpoints, type StoredCheckpoint } from './checkpoints/checkpoint-stream.js';
export {
  type CheckpointProblem,
  type CheckpointProblemKind,
  type CheckpointReport,
  CheckpointVerification,
  type KnownCheckpoints,
  type LedgerLeaf,
  verifyCheckpoints,
} from './checkpoints/checkpoint-verification.js';
export { type GenerationEvidence, gatherGenerationEvidence } from './generation-evidence.js';
export { checkGenerationEvidence } from './generation-evidence-check.js';
export { ReplayModule } from './replay.module.js';
