import { createHash } from 'node:crypto';
import type { Connection } from '../finance-database.js';
import type { FileDigest } from './control-record.js';
import type { Format } from './formats.js';

const CHUNK_BYTES = 1024 * 1024;

/** Takes a file as it grows, and stores it in pieces: no more than one of them is held. */
export class FileSink {
  private readonly hash = createHash('sha256');
  private gathered: Buffer[] = [];
  private gatheredBytes = 0;
  private bytes = 0;
  private chunks = 0;

  constructor(
    private readonly connection: Connection,
    private readonly runId: string,
    private readonly format: Format,
  ) {}

  async append(bytes: Buffer): Promise<void> {
    this.gathered.push(bytes);
    this.gatheredBytes += bytes.length;
    if (this.gatheredBytes >= CHUNK_BYTES) await this.store();
  }

  async end(): Promise<FileDigest> {
    if (this.gatheredBytes > 0) await this.store();
    return { bytes: BigInt(this.bytes), sha256: this.hash.digest() };
  }

  private async store(): Promise<void> {
    const bytes = Buffer.concat(this.gathered);
    this.hash.update(bytes);
    await this.connection.query(
      'INSERT INTO finance.report_chunk (run_id, format, n, start_byte, bytes) VALUES ($1, $2, $3, $4, $5)',
      [this.runId, this.format, this.chunks, this.bytes, bytes],
    );
    this.bytes += bytes.length;
    this.chunks += 1;
    this.gathered = [];
    this.gatheredBytes = 0;
  }
}
