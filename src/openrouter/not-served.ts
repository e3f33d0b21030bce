/**
 * OpenRouter's operations that this gateway does not have, of the 97 of its interface: paths below the dialect's prefix, a star for a
 * parameter. They answer 501, so that whoever misses one knows it is not a mistake in the path.
 */
export const NOT_SERVED: Readonly<Record<string, readonly string[]>> = {
  '/analytics/meta': ['GET'],
  '/analytics/query': ['POST'],
  '/audio/speech': ['POST'],
  '/audio/transcriptions': ['POST'],
  '/auth/keys': ['POST'],
  '/auth/keys/code': ['POST'],
  '/benchmarks': ['GET'],
  '/byok': ['GET', 'POST'],
  '/byok/*': ['GET', 'PATCH', 'DELETE'],
  '/classifications/task': ['GET'],
  '/datasets/app-rankings': ['GET'],
  '/datasets/rankings-daily': ['GET'],
  '/datasets/session-cost': ['GET'],
  '/endpoints/zdr': ['GET'],
  '/files': ['GET', 'POST'],
  '/files/*': ['GET', 'DELETE'],
  '/files/*/content': ['GET'],
  '/generation/content': ['GET'],
  '/generation/feedback': ['POST'],
  '/guardrails': ['GET', 'POST'],
  '/guardrails/assignments/keys': ['GET'],
  '/guardrails/assignments/members': ['GET'],
  '/guardrails/*': ['GET', 'PATCH', 'DELETE'],
  '/guardrails/*/assignments/keys': ['GET', 'POST'],
  '/guardrails/*/assignments/keys/remove': ['POST'],
  '/guardrails/*/assignments/members': ['GET', 'POST'],
  '/guardrails/*/assignments/members/remove': ['POST'],
  '/images': ['POST'],
  '/images/models': ['GET'],
  '/images/models/*/*/endpoints': ['GET'],
  '/observability/destinations': ['GET', 'POST'],
  '/observability/destinations/*': ['GET', 'PATCH', 'DELETE'],
  '/organization/members': ['GET'],
  '/presets': ['GET'],
  '/presets/*': ['GET'],
  '/presets/*/chat/completions': ['POST'],
  '/presets/*/messages': ['POST'],
  '/presets/*/responses': ['POST'],
  '/presets/*/versions': ['GET'],
  '/presets/*/versions/*': ['GET'],
  '/rerank': ['POST'],
  '/scim/group-mappings': ['GET', 'POST'],
  '/scim/group-mappings/*': ['GET', 'PATCH', 'DELETE'],
  '/scim/groups': ['GET'],
  '/videos': ['POST'],
  '/videos/models': ['GET'],
  '/videos/*': ['GET'],
  '/videos/*/content': ['GET'],
  '/workspaces': ['GET', 'POST'],
  '/workspaces/*': ['GET', 'PATCH', 'DELETE'],
  '/workspaces/*/budgets': ['GET'],
  '/workspaces/*/budgets/*': ['GET', 'PUT', 'DELETE'],
  '/workspaces/*/members': ['GET'],
  '/workspaces/*/members/add': ['POST'],
  '/workspaces/*/members/remove': ['POST'],
};

/** What OpenRouter itself has taken away. */
export const GONE: Readonly<Record<string, readonly string[]>> = { '/credits/coinbase': ['POST'] };

/** Whether a table has an operation. @param path below the dialect's prefix, as it came */
export const isListed = (table: Readonly<Record<string, readonly string[]>>, method: string, path: string): boolean =>
  Object.entries(table).some(([pattern, methods]) => methods.includes(method) && matches(pattern, path));

function matches(pattern: string, path: string): boolean {
  const [asked, known] = [path.split('/'), pattern.split('/')];
  return asked.length === known.length && known.every((part, at) => (part === '*' ? asked[at] !== '' : part === asked[at]));
}
