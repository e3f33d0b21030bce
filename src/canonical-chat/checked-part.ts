import type { z } from 'zod';
import { invalid } from '../http/validation.js';

/**
 * A part of a request by the form that its type has. Throws the 400 that names what is wrong in it, without repeating its value.
 * @param path of the part in the request: `messages[0].content[1]`
 */
export function checkedPart<T extends z.ZodType>(schema: T, value: unknown, path: string): z.output<T> {
  const result = schema.safeParse(value, { reportInput: false });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const inside = (issue?.path ?? []).map((name) => (typeof name === 'number' ? `[${name}]` : `.${String(name)}`)).join('');
  throw invalid(path + inside, issue?.message ?? 'is not valid');
}
