import type { z } from 'zod';
import { ApiError } from './api-error.js';

/** Parses what a client sent; throws the 400 that names the first field that is wrong, without repeating its value. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  boundDepth(value);
  const result = schema.safeParse(value, { reportInput: false });
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  throw invalid(fieldPath([...issue.path, ...unknown]), unknown.length > 0 ? 'is not a field of this request' : issue.message);
}

const DEPTH_MAX = 100;

/** Refuses a body nested so deep that whoever walks it later runs out of stack; meant by nobody but an attacker. */
function boundDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEPTH_MAX) throw invalid('', `is nested deeper than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) for (const member of value) boundDepth(member, depth + 1);
  else for (const name in value) boundDepth((value as Record<string, unknown>)[name], depth + 1);
}

/** The 400 of a field. */
export function invalid(param: string, message: string): ApiError {
  const where = param === '' ? 'The body' : `"${param}"`;
  return new ApiError(400, 'invalid_request', `${where}: ${message}`, {
    ...(param === '' ? {} : { param }),
    metadata: { error_type: 'invalid_request' },
  });
}

/** PostgreSQL holds no U+0000: what has one names nothing that is stored. */
export const isStorable = (name: string): boolean => !name.includes('\0');

/** `messages[0].role` */
const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
