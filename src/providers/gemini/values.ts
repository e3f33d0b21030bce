/** Reading of what came as JSON and may be anything. */
export type Json = { readonly [name: string]: unknown };

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The objects in a list; none where it is no list. */
export const objectsIn = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** A text that is not empty. */
export const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

export const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
