const EMPTY = Buffer.alloc(0);

/** Bytes put together piece by piece, in amortised linear time even when they come one at a time. */
export class GrowingBuffer {
  length = 0;
  private bytes: Buffer = EMPTY;

  append(from: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(1024, length, 2 * this.bytes.length));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    from.copy(this.bytes, this.length, start, end);
    this.length = length;
  }

  /** What was gathered, which the taker owns. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }
}
