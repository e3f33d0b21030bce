/** What an event says that does nothing but add text to the first candidate. */
export interface TextEvent {
  /** The text as a JSON string literal, with its quotes. */
  readonly content: string;
  /** The usage figures so far, printed when asked for; undefined where the event has none. */
  readonly usage: (() => string) | undefined;
}

/** A JSON string literal. */
export const STRING = '"[^"\\\\\\u0000-\\u001f]*(?:\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\\\\u0000-\\u001f]*)*"';
const LITERAL = new RegExp(STRING, 'y');

/** The figures that every further piece of text changes, in a usage object that was found to be one. */
const GROWING =
  /((?:"candidatesTokenCount"|"totalTokenCount"|"candidatesTokensDetails": ?\[\{"modality": ?"[A-Z_]+", ?"tokenCount"): ?)(\d+)/g;

const ZERO = 48;
const NINE = 57;
const DIGITS_MAX = 10;

/**
 * An event that is known to be one of text, without its text and the figures that grow with it. What has the same bytes around
 * another text and other figures is such an event too; comparing them costs less than reading them by their grammar.
 *
 * Bytes are characters here, one each (Latin-1), which is the cheapest way to look at them.
 */
export class TextTemplate {
  /** What is behind the text, cut where a growing figure is. */
  private readonly pieces: readonly string[];
  /** The usage object, cut there too. */
  private readonly usage: readonly string[] | undefined;

  /**
   * @param head before the text @param rest behind it, with the usage object in it @param tail behind the usage object
   */
  constructor(
    private readonly head: string,
    rest: string,
    usage: string | undefined,
    tail: string,
  ) {
    this.usage = usage === undefined ? undefined : cutAtGrowing(usage);
    const pieces = this.usage === undefined ? [''] : [...this.usage];
    pieces[0] = rest.slice(0, rest.length - tail.length - (usage?.length ?? 0)) + pieces[0];
    pieces[pieces.length - 1] += tail;
    this.pieces = pieces;
  }

  recognise(event: string): TextEvent | undefined {
    const { head, pieces, usage } = this;
    if (event.slice(0, head.length) !== head) return undefined;
    LITERAL.lastIndex = head.length;
    if (!LITERAL.test(event)) return undefined;
    const end = LITERAL.lastIndex;
    const counts: string[] = [];
    let at = end;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as string;
      if (index > 0) {
        const from = at;
        at = afterCount(event, from);
        if (at === from) return undefined;
        counts.push(event.slice(from, at));
      }
      if (event.slice(at, at + piece.length) !== piece) return undefined;
      at += piece.length;
    }
    if (at !== event.length) return undefined;
    const content = event.slice(head.length, end);
    return { content, usage: usage && (() => usage.map((piece, index) => piece + (counts[index] ?? '')).join('')) };
  }
}

/** Where a count ends, as JSON has it; where it begins if it is none. */
function afterCount(event: string, from: number): number {
  let at = from;
  while (at - from < DIGITS_MAX && event.charCodeAt(at) >= ZERO && event.charCodeAt(at) <= NINE) at++;
  return at - from > 1 && event.charCodeAt(from) === ZERO ? from : at;
}

function cutAtGrowing(usage: string): readonly string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const { index, 1: name = '', 2: figure = '' } of usage.matchAll(GROWING)) {
    const at = index + name.length;
    pieces.push(usage.slice(from, at));
    from = at + figure.length;
  }
  return [...pieces, usage.slice(from)];
}
