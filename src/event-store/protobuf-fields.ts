const BYTES = 2;

/** Reads the fields of one protobuf message in their order, without making an object of it. */
export class ProtobufFields {
  /** Number of the field that `next` has come to. */
  number = 0;
  private wireType = 0;
  private at: number;

  constructor(
    private readonly bytes: Buffer,
    start = 0,
    private readonly end = bytes.length,
  ) {
    this.at = start;
  }

  /** Goes to the next field; its value must then be taken or skipped. */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.integer();
    this.number = Math.floor(tag / 8);
    this.wireType = tag % 8;
    return true;
  }

  /** A varint. Positions and revisions stay far below 2⁵³. */
  integer(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** A varint of any 64 bits. */
  bits(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  }

  /** A message inside this one. */
  message(): ProtobufFields {
    const length = this.integer();
    const start = this.at;
    this.skipBytes(length);
    return new ProtobufFields(this.bytes, start, this.at);
  }

  text(encoding: 'utf8' | 'latin1' = 'utf8'): string {
    const length = this.integer();
    const start = this.at;
    this.skipBytes(length);
    return this.bytes.toString(encoding, start, this.at);
  }

  skip(): void {
    switch (this.wireType) {
      case 0:
        this.bits();
        break;
      case 1:
        this.skipBytes(8);
        break;
      case BYTES:
        this.skipBytes(this.integer());
        break;
      case 5:
        this.skipBytes(4);
        break;
      default:
        throw new RangeError('a message of the event store has an unknown wire type');
    }
  }

  private byte(): number {
    if (this.at >= this.end) throw new RangeError('a message of the event store ends in the middle');
    return this.bytes[this.at++] as number;
  }

  private skipBytes(length: number): void {
    this.at += length;
    if (this.at > this.end) throw new RangeError('a message of the event store ends in the middle');
  }
}

/** UUID {structured 1 {most 1, least 2} | string 2} as text. */
export function readUuid(uuid: ProtobufFields): string {
  let text = '';
  while (uuid.next()) {
    if (uuid.number === 2) {
      text = uuid.text('latin1');
    } else if (uuid.number === 1) {
      const halves = [0n, 0n];
      for (const half = uuid.message(); half.next(); ) halves[half.number - 1] = half.bits();
      const hex = halves.map((half) => half.toString(16).padStart(16, '0')).join('');
      text = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    } else {
      uuid.skip();
    }
  }
  return text;
}
