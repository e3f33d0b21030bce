/**
 * The longest run of letters, of blanks or of signs that a tokenizer is given at once: it takes the square of their length, which is
 * seconds for a text made to be slow.
 */
const RUN_MAX = 128;
const LONG_RUN = new RegExp(`[\\p{L}\\p{M}]{${RUN_MAX}}|\\s{${RUN_MAX}}|[^\\s\\p{L}\\p{M}\\p{N}]{${RUN_MAX}}`, 'gu');

/**
 * Cuts a text behind every so many letters, blanks or signs without anything else between them; other texts stay whole.
 * What is counted in pieces is off by about a token for each cut, mostly too many.
 */
export function cutLongWords(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const { index, 0: run } of text.matchAll(LONG_RUN)) {
    pieces.push(text.slice(from, index + run.length));
    from = index + run.length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}
