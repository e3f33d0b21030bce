/** What the fake provider says at length. */

/**
 * A text as models stream it: from one to five tokens a piece, with the line ends, quotes and letters beyond ASCII that make a
 * relay look at its bytes. The same for every provider and in every run.
 */
const PIECES = [
  'The',
  ' gateway sets',
  ' credits',
  ' aside before',
  ' it calls',
  ' the provider, and',
  ' charges',
  ' exactly',
  ' what the call has',
  ' cost',
  '.\n\n',
  '**Why**',
  ': a “hold” that',
  ' is too',
  ' small',
  ' would let an',
  ' account',
  ' owe; in Zürich',
  ' they say',
  ' "erst zahlen',
  '", dann',
  ' rechnen',
  '.\n- ',
  '`settle(id)`',
] as const;

/** @returns so many pieces of text, round about */
export const prose = (pieces: number): string[] =>
  Array.from({ length: pieces }, (_, index) => PIECES[index % PIECES.length] as string);

const LETTERS_PER_PIECE = 50;

/** @returns so many pieces of letters without a blank between them, which no tokenizer has seen before: each time others */
export const letters = (pieces: number): string[] =>
  Array.from({ length: pieces }, () =>
    Array.from({ length: LETTERS_PER_PIECE }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join(''),
  );
