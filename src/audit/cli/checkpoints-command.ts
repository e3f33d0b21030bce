import type { KeyObject } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Checkpoint, checkpointHash, keyIdOf, verifyCheckpoint } from '../checkpoints/checkpoint.js';
import { readStoredCheckpoints } from '../checkpoints/checkpoint-stream.js';
import { connect } from './connection.js';
import { exportedCheckpoints, publicKeyOf } from './keys.js';
import { say, sayJson, table } from './output.js';
import { COMMON_OPTIONS, CONNECTION_HELP, CONNECTION_OPTIONS, type LedgerCommand } from './usage.js';

const HELP = `checkpoints               those that were signed, and whether their signatures fit

  --checkpoints <file>  as they were exported; DATA_DIR/checkpoints.jsonl where it is not given
  --public-key <pem>    CHECKPOINT_KEY or DATA_DIR/checkpoint-key.pub.pem where it is not given
${CONNECTION_HELP}

Whether the events are still those that were signed, verify tells.`;

export const checkpoints: LedgerCommand = {
  help: HELP,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { ...COMMON_OPTIONS, ...CONNECTION_OPTIONS, checkpoints: { type: 'string' }, 'public-key': { type: 'string' } },
    });
    const dataDir = values['data-dir'];
    const publicKey = publicKeyOf(values['public-key'], values);
    const exported = await exportedCheckpoints(values.checkpoints, values);
    const hashes = exported && new Set(exported.checkpoints.map(checkpointHash));
    const { store, close } = await connect({ eventStore: values['event-store'], dataDir });
    try {
      const rows = [];
      for await (const { checkpoint } of readStoredCheckpoints(store)) {
        const { treeSize: tree_size, position, signedAt: signed_at, rootHash: root_hash, keyId: key_id } = checkpoint;
        const signature = signatureOf(checkpoint, publicKey);
        const isExported = hashes ? (hashes.has(checkpointHash(checkpoint)) ? 'yes' : 'no') : 'no file';
        rows.push({ tree_size, position, signed_at, root_hash, key_id, signature, exported: isExported });
      }
      const heading = ['tree_size', 'position', 'signed_at', 'root_hash', 'key_id', 'signature', 'exported'];
      if (values.json) sayJson({ checkpoints: rows });
      else
        say(
          rows.length === 0
            ? 'No checkpoint has been signed.'
            : table([heading, ...rows.map((row) => Object.values(row).map(String))]),
        );
      return rows.every(({ signature }) => signature === 'valid' || signature === 'no key to check');
    } finally {
      await close();
    }
  },
};

function signatureOf(checkpoint: Checkpoint, publicKey: KeyObject | undefined): string {
  if (!publicKey) return 'no key to check';
  if (checkpoint.keyId !== keyIdOf(publicKey)) return 'another key';
  return verifyCheckpoint(checkpoint, publicKey) ? 'valid' : 'WRONG';
}
