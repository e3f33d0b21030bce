/** What a chunk says that does nothing but add text to one choice. */
export interface TextChunk {
  readonly index: number;
  /** The text as a JSON string literal, with its quotes. */
  readonly content: string;
}

const STRING = '"[^"\\\\\\u0000-\\u001f]*(?:\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\\\\u0000-\\u001f]*)*"';

/**
 * What follows the head in nearly every chunk of an answer. It is the whole grammar of these bytes, so that what matches is JSON
 * of this meaning and nothing else; whatever differs is parsed.
 */
const TAIL = new RegExp(
  `^"choices":\\[\\{"index":(\\d{1,3}),"delta":\\{"content":(${STRING})(?:,"refusal":null)?\\}(?:,"logprobs":null)?` +
    `,"finish_reason":null(?:,"logprobs":null)?\\}\\](?:,"usage":null)?(?:,"obfuscation":${STRING})?\\}$`,
);

/** Beyond this the regular expression could run out of stack; such a chunk is parsed. */
const RECOGNISED_BYTES_MAX = 64 * 1024;

/**
 * Recognises chunks of text without parsing them, which is most of what a chunk costs: those that begin with the same bytes, up
 * to the choices, as the last chunk that was parsed.
 */
export class TextChunks {
  private head: Buffer | undefined;

  /** The text that a chunk adds; undefined where it has to be parsed. */
  recognise(data: Buffer): TextChunk | undefined {
    const { head } = this;
    if (
      head === undefined ||
      data.length <= head.length ||
      data.length > RECOGNISED_BYTES_MAX ||
      head.compare(data, 0, head.length) !== 0
    )
      return undefined;
    const match = TAIL.exec(data.toString('utf8', head.length));
    return match === null ? undefined : { index: Number(match[1]), content: match[2] as string };
  }

  /** Takes the head of a chunk that was parsed. */
  learn(data: Buffer): void {
    const end = data.indexOf('"choices":[');
    if (end < 0 || (this.head !== undefined && this.head.length === end && this.head.compare(data, 0, end) === 0)) return;
    // Only a head that becomes an object when its choices are closed is one, and not the inside of another member.
    this.head = isHead(data.toString('utf8', 0, end)) ? Buffer.from(data.subarray(0, end)) : undefined;
  }
}

function isHead(text: string): boolean {
  try {
    JSON.parse(`${text}"choices":[]}`);
    return true;
  } catch {
    return false;
  }
}
