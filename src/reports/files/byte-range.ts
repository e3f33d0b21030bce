/** Bytes from the first to before the last. */
export interface ByteRange {
  readonly from: bigint;
  readonly until: bigint;
}

const SINGLE = /^bytes=(\d{0,18})-(\d{0,18})$/;

/**
 * The one range that a header asks for (RFC 9110, 14.1.2); undefined for the whole: no header, more than one range, or another
 * unit, which a server may answer with everything. `unsatisfiable` where it begins behind the end.
 */
export function rangeOf(header: string | undefined, size: bigint): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = SINGLE.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const length = BigInt(last);
    if (length === 0n) return 'unsatisfiable';
    return { from: length > size ? 0n : size - length, until: size };
  }
  const from = BigInt(first);
  if (last !== '' && BigInt(last) < from) return undefined;
  if (from >= size) return 'unsatisfiable';
  const until = last === '' || BigInt(last) >= size ? size : BigInt(last) + 1n;
  return { from, until };
}
