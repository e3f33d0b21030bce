import type { z } from 'zod';
import { ApiError } from './api-error.js';

/** Parses what a client sent; throws the 400 that names the first field that is wrong, without repeating its value. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: false });
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  throw invalid(fieldPath([...issue.path, ...unknown]), unknown.length > 0 ? 'is not a field of this request' : issue.message);
}

/** The 400 of a field. */
export function invalid(param: string, message: string): ApiError {
  const where = param === '' ? 'The body' : `"${param}"`;
  return new ApiError(400, 'invalid_request', `${where}: ${message}`, {
    ...(param === '' ? {} : { param }),
    metadata: { error_type: 'invalid_request' },
  });
}

/** `messages[0].role` */
const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
