/** Text that JSON writes as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const quotedNames = new Map<string, string>();
/** Names of members come from our own events; a bound all the same. */
const NAMES_MAX = 1_000;

/**
 * JSON in the canonical form of RFC 8785 (JCS): members sorted by UTF-16 code units, no white space, ECMAScript numbers and
 * escapes. The same value gives the same bytes everywhere, so a hash over them can be checked by anyone. `undefined` members
 * are left out, as JSON.stringify does.
 *
 * Written here because it runs twice per billed request: it costs a third of the reference package, against which a property
 * test compares it.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) {
    let out = '[';
    for (let i = 0; i < value.length; i++) out += i === 0 ? canonicalJson(value[i]) : `,${canonicalJson(value[i])}`;
    return `${out}]`;
  }
  const members = value as Record<string, unknown>;
  let out = '{';
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member === undefined) continue;
    out += `${out.length === 1 ? '' : ','}${nameOf(name)}:${canonicalJson(member)}`;
  }
  return `${out}}`;
}

/** A string as JSON writes it. */
export const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function nameOf(name: string): string {
  let text = quotedNames.get(name);
  if (text === undefined) {
    text = quoted(name);
    if (quotedNames.size < NAMES_MAX) quotedNames.set(name, text);
  }
  return text;
}
