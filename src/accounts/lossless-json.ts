/**
 * A state as JSON that loses nothing: besides JSON's own values it takes Maps (in their order), bigints and `undefined`. What is
 * none of these throws a TypeError, so that no state is ever written that would be read back as another.
 *
 *   bigint    "$n:12"        undefined    "$u"        text or name that begins with $    "$s:$text"
 *   Map       {"$m": [[key, value], …]}
 */
export function encodeLossless(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return escaped(value);
    case 'boolean':
      return value;
    case 'bigint':
      return `$n:${value}`;
    case 'undefined':
      return '$u';
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      throw new TypeError(`${value} has no form in JSON`);
    case 'object':
      return value === null ? null : encodeObject(value);
    default:
      throw new TypeError(`a ${typeof value} has no form in JSON`);
  }
}

/** What `encodeLossless` was given, out of parsed JSON. Throws a TypeError or SyntaxError where it did not come from there. */
export function decodeLossless(value: unknown): unknown {
  if (typeof value === 'string') return decodeText(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decodeLossless);
  const members = value as Record<string, unknown>;
  if (Object.hasOwn(members, '$m')) return decodeMap(members.$m);
  const object: Record<string, unknown> = {};
  for (const name of Object.keys(members)) set(object, unescaped(name), decodeLossless(members[name]));
  return object;
}

function encodeObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(encodeLossless);
  if (value instanceof Map) {
    const entries: [unknown, unknown][] = [];
    for (const [key, entry] of value) entries.push([encodeLossless(key), encodeLossless(entry)]);
    return { $m: entries };
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError('only plain objects have a form in JSON');
  const members = value as Record<string, unknown>;
  const object: Record<string, unknown> = {};
  for (const name of Object.keys(members)) set(object, escaped(name), encodeLossless(members[name]));
  return object;
}

function decodeText(text: string): unknown {
  if (!text.startsWith('$')) return text;
  if (text === '$u') return undefined;
  if (text.startsWith('$n:')) return BigInt(text.slice(3));
  return unescaped(text);
}

function decodeMap(entries: unknown): Map<unknown, unknown> {
  if (!Array.isArray(entries)) throw new TypeError('a map is not a list of entries');
  return new Map(
    entries.map((entry) => {
      if (!Array.isArray(entry) || entry.length !== 2) throw new TypeError('an entry of a map is not a pair');
      return [decodeLossless(entry[0]), decodeLossless(entry[1])];
    }),
  );
}

const escaped = (text: string): string => (text.startsWith('$') ? `$s:${text}` : text);

function unescaped(text: string): string {
  if (!text.startsWith('$')) return text;
  if (!text.startsWith('$s:')) throw new TypeError('a text begins with an unknown mark');
  return text.slice(3);
}

/** Assigning to `__proto__` would set the prototype instead. */
function set(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
  else object[name] = value;
}
