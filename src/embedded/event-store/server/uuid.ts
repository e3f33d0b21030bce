/** Event ids travel as text and are stored as their 16 bytes. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const HEX_BYTES = Buffer.from(HEX.join(''), 'latin1');
const DASH = 0x2d;
const UUID_TEXT_LENGTH = 36;
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const NIBBLE = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  NIBBLE[value.toString(16).charCodeAt(0)] = value;
  NIBBLE[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** The 16 bytes of a UUID given as ASCII text with dashes; undefined if it is not one. */
export function parseUuid(text: Uint8Array): Buffer | undefined {
  if (text.length !== UUID_TEXT_LENGTH) return undefined;
  const id = Buffer.allocUnsafe(16);
  for (let index = 0; index < 16; index++) {
    const at = BYTE_AT[index] as number;
    const high = NIBBLE[text[at] as number] as number;
    const low = NIBBLE[text[at + 1] as number] as number;
    if (high < 0 || low < 0) return undefined;
    id[index] = (high << 4) | low;
  }
  for (const at of [8, 13, 18, 23]) if (text[at] !== DASH) return undefined;
  return id;
}

/** Writes the 36 characters of the id stored at `idAt` of `source`. */
export function writeUuidText(target: Buffer, at: number, source: Buffer, idAt: number): void {
  for (let index = 0; index < 16; index++) {
    const hexAt = (source[idAt + index] as number) * 2;
    const textAt = at + (BYTE_AT[index] as number);
    target[textAt] = HEX_BYTES[hexAt] as number;
    target[textAt + 1] = HEX_BYTES[hexAt + 1] as number;
  }
  target[at + 8] = target[at + 13] = target[at + 18] = target[at + 23] = DASH;
}
