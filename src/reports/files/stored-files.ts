import { Readable } from 'node:stream';
import type { Connection } from '../finance-database.js';
import type { FileDigest } from './control-record.js';
import type { Format } from './formats.js';

/** The finished files of runs, as they lie in the database in pieces. */
export class StoredFiles {
  constructor(private readonly connection: Connection) {}

  /** Undefined where the run is not done. */
  async find(runId: string, format: Format): Promise<FileDigest | undefined> {
    const { rows } = await this.connection.query<{ bytes: string; sha256: Buffer }>(
      'SELECT bytes, sha256 FROM finance.report_file WHERE run_id = $1 AND format = $2',
      [runId, format],
    );
    return rows[0] && { bytes: BigInt(rows[0].bytes), sha256: rows[0].sha256 };
  }

  /** The bytes from one to before another, piece by piece as they are taken. */
  read(runId: string, format: Format, from: bigint, until: bigint): Readable {
    return Readable.from(this.pieces(runId, format, from, until), { objectMode: false, highWaterMark: 1 });
  }

  private async *pieces(runId: string, format: Format, from: bigint, until: bigint): AsyncGenerator<Buffer> {
    for (let at = from; at < until; ) {
      const { rows } = await this.connection.query<{ start_byte: string; bytes: Buffer }>(
        `SELECT start_byte, bytes FROM finance.report_chunk
         WHERE run_id = $1 AND format = $2 AND n >= coalesce((
           SELECT max(n) FROM finance.report_chunk WHERE run_id = $1 AND format = $2 AND start_byte <= $3), 0)
         ORDER BY n LIMIT 1`,
        [runId, format, at.toString()],
      );
      const [piece] = rows;
      if (!piece) throw new Error(`the ${format} of the run ${runId} ends at byte ${at}, before ${until}`);
      const start = BigInt(piece.start_byte);
      const bytes = piece.bytes.subarray(Number(at - start), Number(until - start));
      if (bytes.length === 0) throw new Error(`the ${format} of the run ${runId} has a gap at byte ${at}`);
      yield bytes;
      at += BigInt(bytes.length);
    }
  }
}
