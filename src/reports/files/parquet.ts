import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ReportColumn, ReportRow } from '../../kernel/report.js';
import type { Value } from './values.js';

/** Fixed, so that the bytes depend on the rows alone. Small, so that little is held and the process stays responsive. */
const GROUP_ROWS = 10_000;
/** No version of a package in it: a new one must not make other bytes without need. */
const CREATED_BY = 'mcphub-llm-api reports';
const DAY_MS = 86_400_000;

/** Parquet with typed columns: exact decimals for credits, dates, UTC timestamps. Rows are encoded group by group. */
export class ParquetFile {
  private readonly bytes = new FlushedBytes();
  private readonly parquet: ParquetWriter;
  private waiting: ReportRow[] = [];

  /** @param write takes the next bytes of the file */
  constructor(
    private readonly columns: readonly ReportColumn[],
    private readonly write: (bytes: Buffer) => Promise<void>,
  ) {
    this.parquet = new ParquetWriter({
      writer: this.bytes,
      schema: [{ name: 'report', num_children: columns.length }, ...columns.map(elementOf)],
      createdBy: CREATED_BY,
    });
  }

  async append(rows: readonly ReportRow[]): Promise<void> {
    for (const row of rows) {
      this.waiting.push(row);
      if (this.waiting.length === GROUP_ROWS) await this.writeGroup();
    }
  }

  async end(): Promise<void> {
    if (this.waiting.length > 0) await this.writeGroup();
    await this.parquet.finish();
    await this.write(this.bytes.take());
  }

  private async writeGroup(): Promise<void> {
    const rows = this.waiting;
    this.waiting = [];
    const columnData = this.columns.map((column, index) => ({
      name: column.name,
      data: rows.map((row) => storedValue(column, row[index] ?? null)),
    }));
    await this.parquet.write({ columnData: columnData as never, rowGroupSize: GROUP_ROWS });
    await this.write(this.bytes.take());
  }
}

/** Hands over what has been written; its offsets go on. */
class FlushedBytes extends ByteWriter {
  take(): Buffer {
    const bytes = Buffer.from(this.getBytes());
    this.index = 0;
    return bytes;
  }
}

function elementOf({ name, type, nullable }: ReportColumn): SchemaElement {
  const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
  switch (type) {
    case 'credits':
      return { name, repetition_type, ...decimal(38, 9) };
    case 'count':
      return { name, repetition_type, ...decimal(38, 0) };
    case 'position':
      return { name, repetition_type, type: 'INT64' };
    case 'instant':
      return { name, repetition_type, type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' };
    case 'day':
      return { name, repetition_type, type: 'INT32', converted_type: 'DATE' };
    default:
      return { name, repetition_type, type: 'BYTE_ARRAY', converted_type: 'UTF8' };
  }
}

/** Sixteen bytes hold every number of 38 digits. */
const decimal = (precision: number, scale: number) =>
  ({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, converted_type: 'DECIMAL', precision, scale }) as const;
const DECIMAL_MAX = 10n ** 38n - 1n;

function storedValue({ name, type }: ReportColumn, value: Value): unknown {
  if (value === null) return null;
  if (type === 'day') return Date.parse(`${value}T00:00:00Z`) / DAY_MS;
  if ((type === 'credits' || type === 'count') && ((value as bigint) > DECIMAL_MAX || (value as bigint) < -DECIMAL_MAX))
    throw new RangeError(`column ${name} holds a number of more than 38 digits`);
  return value;
}
