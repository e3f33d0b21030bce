/** A breakpoint of the prompt cache, to be spread into a block; empty where none is asked for. */
export type CacheControl = { readonly cache_control?: { readonly type: 'ephemeral'; readonly ttl?: '5m' | '1h' } } | undefined;

export function cacheControl(asked: unknown): CacheControl {
  if (typeof asked !== 'object' || asked === null) return undefined;
  const { type, ttl } = asked as Record<string, unknown>;
  if (type !== 'ephemeral') return undefined;
  return { cache_control: { type, ...((ttl === '5m' || ttl === '1h') && { ttl }) } };
}
