import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint } from '../checkpoints/checkpoint.js';
import { readCheckpointFile } from '../checkpoints/checkpoint-file.js';
import { findCheckpointPublicKey, parsePublicKey } from '../checkpoints/checkpoint-key.js';
import { dataDirOf } from './connection.js';
import { WrongUsage } from './usage.js';

/** Where what belongs to a ledger is kept. A store that is named on the command line has no directory unless one is named too. */
export interface LedgerPlace {
  readonly 'event-store'?: string | undefined;
  readonly 'data-dir'?: string | undefined;
}

const directoryOf = (place: LedgerPlace): string | undefined =>
  place['event-store'] !== undefined && place['data-dir'] === undefined ? undefined : dataDirOf(place['data-dir']);

/** The key that checkpoints are signed with: the one named, else the one of the configuration or the data directory. */
export function publicKeyOf(file: string | undefined, place: LedgerPlace): KeyObject | undefined {
  if (file === undefined) {
    const dataDir = directoryOf(place);
    const configured = process.env['CHECKPOINT_KEY'] || undefined;
    return dataDir === undefined && configured === undefined
      ? undefined
      : findCheckpointPublicKey({ configured, dataDir: dataDir ?? '' });
  }
  if (!existsSync(file)) throw new WrongUsage(`There is no file ${file}.`);
  return parsePublicKey(readFileSync(file, 'utf8'), file);
}

export interface ExportedCheckpoints {
  readonly file: string;
  readonly checkpoints: readonly Checkpoint[];
}

/** The exported checkpoints: of the file named, else of the one of the configuration or the data directory, if it is there. */
export async function exportedCheckpoints(
  file: string | undefined,
  place: LedgerPlace,
): Promise<ExportedCheckpoints | undefined> {
  const dataDir = directoryOf(place);
  const path = file ?? (process.env['CHECKPOINT_FILE'] || (dataDir && join(dataDir, 'checkpoints.jsonl')));
  if (!path) return undefined;
  const checkpoints = await readCheckpointFile(path);
  if (!checkpoints && file !== undefined) throw new WrongUsage(`There is no file ${file}.`);
  return checkpoints && { file: path, checkpoints };
}
