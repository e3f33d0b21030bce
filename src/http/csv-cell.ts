/** A spreadsheet takes a text that begins so for a formula, and runs it. */
const FORMULA = /^[=+\-@\t\r]/;

/** A text that comes from outside, as a cell of CSV: no formula. Numbers are not for this, a minus begins them rightly. */
export const textCell = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
