/** Members that no operator needs to see, whatever they hold. */
const HIDDEN_NAME = /secret|password|token$|api_?key$|authorization|prompt$|messages|content/i;
/** Keys of ours and of providers, bearer tokens, and the password in an address. */
const HIDDEN_TEXT = /\bsk-[A-Za-z0-9_-]{8,}|\bBearer\s+\S+|(?<=:\/\/[^/\s:@]*:)[^/\s@]+(?=@)/gi;
const HIDDEN = '[hidden]';

/**
 * What a job carries or failed with, as an operator may see it. Jobs hold ids and amounts and no secret by their design; this is
 * the second lock on that door.
 */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(HIDDEN_TEXT, HIDDEN);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, HIDDEN_NAME.test(name) ? HIDDEN : withoutSecrets(member)]),
  );
}
